/** That these readers and wallets can say no: what was changed or repeated is refused, on their side and on ours. */

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { MDOC, offer, person, SD_JWT } from "./installation.js";
import { newKey } from "./keys.js";
import { alone, MDOC_WALLETS } from "./showing.js";
import { certified, MDOC_READERS, NEWEST, readMdoc, readSdJwt, roots } from "./trust.js";
import { accepted, Wallet } from "./wallet.js";

let someone, sdJwt, mdoc;
before(async () => {
  someone = await person(4_001);
  [sdJwt] = await accepted(await offer(someone));
  [mdoc] = await accepted(await offer(someone, { configuration: MDOC }));
});

/** Change one character of a text into another of its alphabet. */
const changed = (text, place) => text.slice(0, place) + (text[place] === "A" ? "B" : "A") + text.slice(place + 1);

for (const [what, change, why] of [
  ["the payload", (text) => changed(text, text.indexOf(".") + 40), /Invalid JWT/],
  ["the signature", (text) => changed(text, text.indexOf("~") - 40), /Invalid JWT Signature/],
  ["a disclosure", (text) => changed(text, text.indexOf("~") + 40), /Unreferenced disclosure|JSON/],
  [
    "a disclosure that nobody refers to",
    (text) => text + Buffer.from('["AAAAAAAAAAAAAAAAAAAAAA","admin",true]').toString("base64url") + "~",
    /Unreferenced disclosure/,
  ],
]) {
  test(`@sd-jwt refuses an SD-JWT VC with another byte in it: ${what}`, async () => {
    await readSdJwt(NEWEST, sdJwt.text);
    await assert.rejects(readSdJwt(NEWEST, change(sdJwt.text)), why);
  });
}

for (const [reader, verify] of Object.entries(MDOC_READERS)) {
  test(`${reader} refuses another value, another device and another session`, async () => {
    const [transcript, other] = [await alone(), await alone()];
    const show = MDOC_WALLETS["@owf/mdoc"];
    const response = await show(mdoc, ["family_name"], transcript);
    const place = response.indexOf("elementValue") + 14;
    const altered = Buffer.from(response);
    altered[place] ^= 1;

    await verify(response, transcript);
    await assert.rejects(async () => verify(altered, transcript), "another value");
    await assert.rejects(async () => verify(response, other), "another session");
    const stolen = await show({ ...mdoc, key: await newKey() }, ["family_name"], transcript);
    await assert.rejects(async () => verify(stolen, transcript), "another device");
  });
}

test("@owf/mdoc refuses an mdoc with another byte in its signature", async () => {
  const bytes = Buffer.from(mdoc.text, "base64url");
  bytes[bytes.length - 1] ^= 1;

  await readMdoc(mdoc.text);
  await assert.rejects(readMdoc(bytes.toString("base64url")));
});

test("nobody is certified by certificates that lead elsewhere", async () => {
  await assert.rejects(certified([roots[0].rawData]), /anchor/);
});

const refusedWith = (error) => (refusal) => {
  const said = refusal.errorResponse ?? refusal.response?.credentialErrorResponseResult?.data;
  assert.deepEqual([said?.error, typeof said?.error_description], [error, "string"], String(refusal));
  return true;
};

test("a pre-authorized code is good once", async () => {
  const made = await offer(someone);
  await (await Wallet.open(made.offer_uri)).redeem();

  await assert.rejects((await Wallet.open(made.offer_uri)).redeem(), refusedWith("invalid_grant"));
});

test("a wrong transaction code is refused, and after five tries the right one too", async () => {
  const made = await offer(someone, { with_tx_code: true });
  const wrong = made.tx_code === "000000" ? "000001" : "000000";
  const wallet = await Wallet.open(made.offer_uri);

  for (let tries = 0; tries < 5; tries += 1) await assert.rejects(wallet.redeem(wrong), refusedWith("invalid_grant"));
  await assert.rejects(wallet.redeem(made.tx_code), refusedWith("invalid_grant"));
});

test("a nonce is good once", async () => {
  const wallet = await Wallet.open((await offer(someone)).offer_uri);
  await wallet.redeem();
  const proofs = await wallet.proofs([await newKey()]);
  await wallet.ask(proofs);

  await assert.rejects(wallet.ask(proofs), refusedWith("invalid_nonce"));
});

test("a proof for another issuer is refused", async () => {
  const wallet = await Wallet.open((await offer(someone)).offer_uri);
  await wallet.redeem();
  const { metadata } = wallet;
  wallet.metadata = {
    ...metadata,
    credentialIssuer: { ...metadata.credentialIssuer, credential_issuer: "https://other.example" },
  };
  const proofs = await wallet.proofs([await newKey()]);
  wallet.metadata = metadata;

  await assert.rejects(wallet.ask(proofs), refusedWith("invalid_proof"));
});

test("an access token is refused with the DPoP key of another", async () => {
  const wallet = await Wallet.open((await offer(someone)).offer_uri);
  await wallet.redeem();
  const thief = await Wallet.open((await offer(someone)).offer_uri);
  await thief.redeem();
  thief.token = wallet.token;

  await assert.rejects(thief.fetch(), ({ response }) => response.response.status === 401);
});

test("a configuration that the offer did not name is refused", async () => {
  const wallet = await Wallet.open((await offer(someone, { configuration: SD_JWT })).offer_uri);
  await wallet.redeem();
  wallet.offer = { ...wallet.offer, credential_configuration_ids: [MDOC] };

  await assert.rejects(wallet.fetch(), refusedWith("unknown_credential_configuration"));
});
