/** The higher grade (HAIP 1.0): attested wallets and keys; encryption, refresh tokens, issuance that has to wait. */

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { approveApplication, applicant, MDOC, offer, person, SD_JWT } from "./installation.js";
import { newKey } from "./keys.js";
import { Provider } from "./provider.js";
import { boundTo, NEWEST, readSdJwt } from "./trust.js";
import { authorized, Wallet } from "./wallet.js";

let someone, provider;
before(async () => {
  someone = await person(5_001);
  provider = await Provider.make("provider-of-somebody-else");
  await provider.trusted();
});

/** Open a wallet that has redeemed an offer. */
async function redeemed(configuration, authentication) {
  const wallet = await Wallet.open((await offer(someone, { configuration })).offer_uri, authentication);
  await wallet.redeem();
  return wallet;
}

for (const configuration of [SD_JWT, MDOC]) {
  test(`an attested wallet gets ${configuration} by the authorization code`, async () => {
    const made = await offer(someone, { configuration, grant: "authorization_code" });
    const authentication = await provider.attested();
    const { wallet } = await authorized(made, { authentication, as: provider.wallet, by: someone });
    const [{ text, key }] = await wallet.fetch(1, { clientId: provider.wallet.id });

    assert.deepEqual(await boundTo(text), key);
  });

  for (const [what, fresh] of [
    ["with the nonce in both", true],
    ["with the nonce in the proofs alone", false],
  ]) {
    test(`keys that a provider attests: ${configuration} with the attestation beside each proof, ${what}`, async () => {
      const wallet = await redeemed(configuration, await provider.attested());
      const keys = [await newKey(), await newKey()];
      const nonce = await wallet.nonce();
      const keyAttestationJwt = await provider.keys(keys, "proof_type.jwt", fresh ? nonce : undefined);
      const { credentials } = await wallet.ask(await wallet.proofs(keys, { nonce, keyAttestationJwt }));

      assert.equal(credentials.length, keys.length);
    });
  }

  test(`keys that a provider attests: ${configuration} with the attestation as the one proof`, async () => {
    const wallet = await redeemed(configuration, await provider.attested());
    const keys = [await newKey(), await newKey(), await newKey()];
    const nonce = await wallet.nonce();
    const attestation = [await provider.keys(keys, "proof_type.attestation", nonce)];
    const { credentials } = await wallet.ask({ attestation });

    const bound = await Promise.all(credentials.map(({ credential }) => boundTo(credential)));
    assert.deepEqual(bound, keys);
  });
}

test("a provider that nobody trusts vouches for nobody", async () => {
  const other = await Provider.make("provider-of-nobody");

  await assert.rejects(
    redeemed(SD_JWT, await other.attested()),
    ({ errorResponse }) => errorResponse.error === "invalid_client",
  );
});

for (const enc of ["A128GCM", "A256GCM"]) {
  test(`request and answer are encrypted: ${enc}`, async () => {
    const wallet = await redeemed(SD_JWT);
    const key = await newKey();
    const { header, body } = await wallet.askEncrypted(await wallet.proofs([key]), { enc });
    const { payload } = await readSdJwt(NEWEST, body.credentials[0].credential);

    assert.deepEqual([header.alg, header.enc, header.kid], ["ECDH-ES", enc, "answers"]);
    assert.deepEqual(payload.cnf.jwk, key);
  });
}

test("a refresh token gives the next pair; one that comes back later ends them all", async () => {
  const wallet = await redeemed(SD_JWT);
  const { refresh_token: first } = wallet.token;
  const { refresh_token: second } = await wallet.refresh();
  const { refresh_token: third } = await wallet.refresh();
  const [{ text }] = await wallet.fetch();

  assert.equal(new Set([first, second, third]).size, 3);
  await readSdJwt(NEWEST, text);
  for (const spent of [first, third]) {
    wallet.token = { ...wallet.token, refresh_token: spent };
    await assert.rejects(wallet.refresh(), ({ errorResponse }) => errorResponse.error === "invalid_grant");
  }
});

test("while the application is open the request waits; once it is granted the copies are there, once", async () => {
  const wallet = await Wallet.open((await offer(applicant)).offer_uri);
  await wallet.redeem();
  const key = await newKey();
  const waiting = await wallet.ask(await wallet.proofs([key]));
  const still = await wallet.collect(waiting.transaction_id);
  await approveApplication();
  const { credentials, notification_id } = await wallet.collect(waiting.transaction_id);
  const { payload } = await readSdJwt(NEWEST, credentials[0].credential);

  assert.deepEqual([still.transaction_id, still.interval > 0], [waiting.transaction_id, true]);
  assert.deepEqual(payload.cnf.jwk, key);
  assert.equal(notification_id, undefined); // @openid4vci 0.4.6 refuses one here
  await assert.rejects(wallet.collect(waiting.transaction_id), ({ response }) => {
    return response.deferredCredentialErrorResponseResult.data.error === "invalid_transaction_id";
  });
});
