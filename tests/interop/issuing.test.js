/** Credentials are obtained by @openid4vc and verified by @sd-jwt and both libraries for mdocs. */

import assert from "node:assert/strict";
import { before, test } from "node:test";

import * as jose from "jose";

import { client, DOC_TYPE, issuer, MDOC, offer, person, SD_JWT } from "./installation.js";
import { alone, disclosed, MDOC_WALLETS } from "./showing.js";
import { boundTo, MDOC_READERS, NEWEST, readMdoc, readSdJwt, SD_JWT_READERS, signed } from "./trust.js";
import { accepted, authorized, NAMING, Wallet } from "./wallet.js";

/** What the link of an offer holds, by how it was asked for. */
const FORM = { value: "credential_offer", reference: "credential_offer_uri" };
const BY = Object.keys(FORM);
const formOf = ({ offer_uri }) => [...new URL(offer_uri).searchParams.keys()].join();

let someone;
before(async () => (someone = await person(1_001)));

test("the issuer's metadata are read, and the signed ones lead to the root", async () => {
  const { metadata } = await Wallet.open((await offer(someone)).offer_uri);
  const asked = { headers: { accept: "application/jwt" } };
  const compact = await (await fetch(`${issuer}/.well-known/openid-credential-issuer`, asked)).text();
  const told = await signed(compact, "openidvci-issuer-metadata+jwt");

  assert.deepEqual(Object.keys(metadata.knownCredentialConfigurations).sort(), [MDOC, SD_JWT]);
  assert.equal(told.sub, issuer);
  assert.deepEqual(
    told.credential_configurations_supported,
    metadata.credentialIssuer.credential_configurations_supported,
  );
});

for (const [name, by, with_tx_code] of [
  ["by value", "value", false],
  ["by reference", "reference", false],
  ["with a transaction code", "value", true],
]) {
  test(`pre-authorized code: an offer ${name} is redeemed with DPoP`, async () => {
    const made = await offer(someone, { by, with_tx_code });
    assert.equal(formOf(made), FORM[by]);
    const wallet = await Wallet.open(made.offer_uri);
    const token = await wallet.redeem(made.tx_code ?? undefined);
    const [{ text }] = await wallet.fetch();

    assert.equal(token.token_type, "DPoP");
    assert.ok(wallet.dpop.nonce, "the server gave no nonce");
    assert.ok(text.includes("~"));
  });
}

for (const [name, Reader] of Object.entries(SD_JWT_READERS)) {
  test(`${name} verifies an SD-JWT VC: signature, every disclosure, type metadata, status`, async () => {
    const [{ text, key }] = await accepted(await offer(someone));
    const { payload, typeMetadata } = await readSdJwt(Reader, text);

    assert.deepEqual([payload.iss, payload.vct], [issuer, `${issuer}/credentials/e-resident/1`]);
    assert.deepEqual(payload.cnf.jwk, key);
    assert.ok(payload.family_name && payload.birthdate && payload.age_equal_or_over[18]);
    assert.equal((typeMetadata.mergedTypeMetadata ?? typeMetadata).vct, payload.vct);
  });
}

for (const [name, Reader] of Object.entries(SD_JWT_READERS)) {
  test(`${name} verifies what the holder of an SD-JWT VC shows: one claim, bound to the occasion`, async () => {
    const [copy] = await accepted(await offer(someone));
    const [nonce, audience] = ["of-the-verifier", "https://verifier.example"];
    const shown = await disclosed(copy, { family_name: true }, { nonce, audience });
    const { payload, kb } = await readSdJwt(Reader, shown, { nonce });

    assert.deepEqual(
      [payload.family_name !== undefined, payload.given_name, kb.payload.aud],
      [true, undefined, audience],
    );
    await assert.rejects(readSdJwt(Reader, shown, { nonce: "another" }), /nonce/i);
  });
}

test("@owf/mdoc verifies an mdoc: chain, signature, every digest, validity", async () => {
  const [{ text, key }] = await accepted(await offer(someone, { configuration: MDOC }));
  const read = await readMdoc(text);
  const { docType, deviceKeyInfo } = read.issuerAuth.mobileSecurityObject;
  const claims = read.getPrettyClaims(DOC_TYPE);

  assert.equal(docType, DOC_TYPE);
  assert.deepEqual([deviceKeyInfo.deviceKey.jwk.x, deviceKeyInfo.deviceKey.jwk.y], [key.x, key.y]);
  assert.ok(claims.family_name && claims.birth_date && claims.age_over_18);
});

for (const [shower, show] of Object.entries(MDOC_WALLETS)) {
  for (const [reader, verify] of Object.entries(MDOC_READERS)) {
    test(`${reader} verifies an mdoc that ${shower} shows: issuer, device, digests`, async () => {
      const [copy] = await accepted(await offer(someone, { configuration: MDOC }));
      const transcript = await alone();

      await verify(await show(copy, ["family_name", "age_over_18"], transcript), transcript);
    });
  }
}

for (const configuration of [SD_JWT, MDOC]) {
  test(`batch: ten copies of ${configuration}, each for the key that asked for it`, async () => {
    const copies = await accepted(await offer(someone, { configuration }), 10);

    assert.deepEqual(
      await Promise.all(copies.map(({ text }) => boundTo(text))),
      copies.map(({ key }) => key),
    );
  });

  for (const [[name, naming], by] of Object.entries(NAMING).map((naming, number) => [naming, BY[number]])) {
    test(`authorization code by ${name}, offered by ${by}: ${configuration} with PAR, PKCE, iss and DPoP`, async () => {
      const made = await offer(someone, { configuration, grant: "authorization_code", by });
      assert.equal(formOf(made), FORM[by]);
      const { wallet, page, shown } = await authorized(made, { naming });
      const [{ text, key }] = await wallet.fetch(1, { clientId: client.id });

      assert.deepEqual([...new URL(page).searchParams.keys()].sort(), ["client_id", "request_uri"]);
      assert.equal(shown.credentials, configuration);
      assert.deepEqual(
        wallet.token.authorization_details?.map((granted) => granted.credential_configuration_id),
        name === "scope" ? undefined : [configuration],
      );
      assert.deepEqual(await boundTo(text), key);
    });
  }
}

test("what the passport's chip says is in both formats, and the same: names, dates, the portrait", async () => {
  const [text, bytes] = await Promise.all(
    [SD_JWT, MDOC].map(async (configuration) => {
      const made = await offer(someone, { configuration, grant: "authorization_code" });
      const [copy] = await (await authorized(made)).wallet.fetch(1, { clientId: client.id });
      return copy.text;
    }),
  );
  const { payload } = await readSdJwt(NEWEST, text);
  const held = (await readMdoc(bytes)).getPrettyClaims(DOC_TYPE);
  const portrait = Buffer.from(held.portrait);

  for (const name of ["family_name", "given_name", "document_number", "issuing_authority", "issuing_country"]) {
    assert.ok(payload[name], name);
    assert.equal(held[name], payload[name], name);
  }
  assert.equal(held.birth_date.toISOString().slice(0, 10), payload.birthdate);
  assert.deepEqual(held.nationality, payload.nationalities);
  for (const [years, yes] of Object.entries(payload.age_equal_or_over))
    assert.equal(held[`age_over_${years}`], yes, years);
  assert.equal(portrait.subarray(0, 3).toString("hex"), "ffd8ff");
  assert.equal(payload.picture, `data:image/jpeg;base64,${portrait.toString("base64")}`);
});

test("the key that signed an SD-JWT VC stands in the issuer's own list of keys", async () => {
  const [{ text }] = await accepted(await offer(someone));
  const compact = text.slice(0, text.indexOf("~"));
  const told = await (await fetch(`${issuer}/.well-known/jwt-vc-issuer`)).json();

  assert.equal(told.issuer, issuer);
  await jose.compactVerify(compact, jose.createLocalJWKSet(told.jwks));
});

test("a notification is taken, and taken again", async () => {
  const wallet = await Wallet.open((await offer(someone)).offer_uri);
  await wallet.redeem();
  await wallet.fetch();

  for (const event of ["credential_accepted", "credential_accepted", "credential_deleted"]) {
    const { response } = await wallet.notify(event);
    assert.equal(response.status, 204, event);
  }
});
