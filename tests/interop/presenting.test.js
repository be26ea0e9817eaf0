/** Other people's wallets answer our verifier: @openid4vc/openid4vp, dcql, @sd-jwt and both libraries for mdocs. */

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { Answering } from "./answering.js";
import { ask, DOC_TYPE, issuer, MDOC, offer, person, verdict } from "./installation.js";
import { disclosed, MDOC_WALLETS, transcriptOf } from "./showing.js";
import { ROOT_KEY_ID } from "./trust.js";
import { accepted } from "./wallet.js";

const VCT = `${issuer}/credentials/e-resident/1`;
const NAMED = {
  credentials: [
    {
      id: "id",
      format: "dc+sd-jwt",
      meta: { vct_values: [VCT] },
      claims: [{ path: ["family_name"] }, { path: ["given_name"] }],
    },
  ],
};
const IN_EITHER = {
  credentials: [
    { id: "text", format: "dc+sd-jwt", meta: { vct_values: [VCT] }, claims: [{ path: ["family_name"] }] },
    {
      id: "bytes",
      format: "mso_mdoc",
      meta: { doctype_value: DOC_TYPE },
      claims: [{ path: [DOC_TYPE, "family_name"] }],
    },
  ],
  credential_sets: [{ options: [["text"], ["bytes"]] }],
};

const MDOC_NAMED = { credentials: [IN_EITHER.credentials[1]] };

let sdJwt, mdoc;
before(async () => {
  const someone = await person(2_001);
  [sdJwt] = await accepted(await offer(someone));
  [mdoc] = await accepted(await offer(someone, { configuration: MDOC }));
});

const outcomes = (told) =>
  told.verdict.credentials.flatMap(({ checks }) => checks).filter(({ outcome }) => outcome !== "passed");

for (const method of ["get", "post"]) {
  test(`an SD-JWT VC is asked for by DCQL, fetched by ${method.toUpperCase()}, shown and accepted`, async () => {
    const asked = await ask({ query: NAMED });
    const session = await Answering.open(asked.request_uri, { method });
    const [found] = await session.matching([sdJwt]);
    const shown = await disclosed(sdJwt, { family_name: true, given_name: true }, session.binding);
    await session.answer({ [found]: [shown] });
    const told = await verdict(asked);

    assert.equal(session.request.client_metadata.client_name, "A test of e-Residency: nobody asks");
    assert.equal(found, "id");
    assert.deepEqual([told.verdict.conclusion, outcomes(told)], ["accepted", []]);
    assert.deepEqual(
      Object.keys(told.verdict.credentials[0].claims)
        .filter((name) => name.endsWith("_name"))
        .sort(),
      ["family_name", "given_name"],
    );
  });
}

for (const [library, show] of Object.entries(MDOC_WALLETS)) {
  test(`an mdoc is asked for by DCQL, shown by ${library} and accepted`, async () => {
    const asked = await ask({ query: MDOC_NAMED });
    const session = await Answering.open(asked.request_uri);
    const [found] = await session.matching([mdoc]);
    const response = await show(mdoc, ["family_name"], await transcriptOf(session.request, session.encryptionKey));
    await session.answer({ [found]: [response.toString("base64url")] });
    const told = await verdict(asked);

    assert.deepEqual([told.verdict.conclusion, outcomes(told)], ["accepted", []]);
    assert.ok(
      told.verdict.credentials[0].claims[DOC_TYPE]?.family_name ?? told.verdict.credentials[0].claims.family_name,
    );
  });
}

for (const [format, copies] of [
  ["SD-JWT VC", () => [sdJwt]],
  ["mdoc", () => [mdoc]],
]) {
  test(`of two formats that would do the wallet shows what it has: ${format}`, async () => {
    const asked = await ask({ query: IN_EITHER });
    const session = await Answering.open(asked.request_uri);
    const [found] = await session.matching(copies());
    await session.answer({ [found]: [await session.show(copies()[0])] });

    assert.equal(found, format === "mdoc" ? "bytes" : "text");
    assert.equal((await verdict(asked)).verdict.conclusion, "accepted");
  });

  test(`a question is answered by ${format}: yes, and nothing else is told`, async () => {
    const asked = await ask({ question: "over_18" });
    const session = await Answering.open(asked.request_uri);
    const [found] = await session.matching(copies());
    await session.answer({ [found]: [await session.show(copies()[0])] });
    const told = await verdict(asked);

    assert.equal(told.verdict.answer, "yes");
    assert.deepEqual(
      told.verdict.credentials.map(({ claims }) => claims),
      [{}],
    );
  });
}

for (const [format, copy, query] of [
  ["SD-JWT VC", () => sdJwt, NAMED],
  ["mdoc", () => mdoc, MDOC_NAMED],
]) {
  test(`an agreement is signed with the presentation of ${format}`, async () => {
    const asked = await ask({ query, agreement: { type: "payment", told: { amount: "100.00", currency: "KZT" } } });
    const session = await Answering.open(asked.request_uri);
    const [{ transactionData }] = session.agreements;
    await session.answer({ [query.credentials[0].id]: [await session.show(copy())] });
    const told = await verdict(asked);

    assert.deepEqual([transactionData.type, transactionData.amount], ["payment", "100.00"]);
    assert.deepEqual([told.verdict.conclusion, outcomes(told)], ["accepted", []]);
  });
}

test("an authority is asked for by its key: ours is found, another is not", async () => {
  const trusting = (value) => {
    const [wanted] = NAMED.credentials;
    return { credentials: [{ ...wanted, trusted_authorities: [{ type: "aki", values: [value] }] }] };
  };
  const ours = await ask({ query: trusting(ROOT_KEY_ID) });
  const session = await Answering.open(ours.request_uri);
  const [found] = await session.matching([sdJwt]);
  await session.answer({ [found]: [await session.show(sdJwt)] });
  const other = await ask({ query: trusting(ROOT_KEY_ID.replace(/^./, (first) => (first === "A" ? "B" : "A"))) });
  const stranger = await Answering.open(other.request_uri);

  assert.equal((await verdict(ours)).verdict.conclusion, "accepted");
  await assert.rejects(stranger.matching([sdJwt]), /nothing that would do/);
  await stranger.answer({ [found]: [await stranger.show(sdJwt)] });
  assert.equal((await verdict(other)).verdict.conclusion, "rejected");
});

test("a presentation without the agreement is not accepted", async () => {
  const asked = await ask({ query: NAMED, agreement: { type: "payment", told: { amount: "100.00" } } });
  const session = await Answering.open(asked.request_uri);
  await session.answer({ id: [await disclosed(sdJwt, { family_name: true, given_name: true }, session.binding)] });

  assert.equal((await verdict(asked)).verdict.conclusion, "rejected");
});

test("same device: the holder comes back, and the result is told to that session", async () => {
  const asked = await ask({ question: "over_18", redirect_uri: "https://bank.example/done" });
  const session = await Answering.open(asked.request_uri);
  const [found] = await session.matching([sdJwt]);
  const { redirect_uri } = await session.answer({ [found]: [await session.show(sdJwt)] });
  const code = new URL(redirect_uri).searchParams.get("response_code");

  await assert.rejects(verdict(asked), /403/);
  assert.equal((await verdict(asked, code)).verdict.answer, "yes");
});

for (const [what, occasion] of [
  ["another nonce", (session) => ({ ...session.binding, nonce: "another" })],
  ["another verifier", (session) => ({ ...session.binding, audience: "x509_hash:another" })],
]) {
  test(`a presentation made for ${what} is rejected`, async () => {
    const asked = await ask({ query: NAMED });
    const session = await Answering.open(asked.request_uri);
    await session.answer({ id: [await disclosed(sdJwt, { family_name: true, given_name: true }, occasion(session))] });

    assert.equal((await verdict(asked)).verdict.conclusion, "rejected");
  });
}
