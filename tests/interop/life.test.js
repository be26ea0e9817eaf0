/** What becomes of a credential is seen by other people's readers of status lists, in every copy, within a minute. */

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { cborDecode, Sign1 } from "@owf/mdoc";
import { StatusListCwt } from "@owf/token-status-list";
import { getListFromStatusListJWT, getStatusListFromJWT } from "@sd-jwt/jwt-status-list";

import { Answering } from "./answering.js";
import { act, ask, decide, issuer, MDOC, offer, person, verdict } from "./installation.js";
import { certified, mdocContext, readMdoc, readSdJwt, SD_JWT_READERS, signed } from "./trust.js";
import { accepted } from "./wallet.js";

const SEEN_WITHIN_S = 60;
const [VALID, INVALID, SUSPENDED] = [0, 1, 2];
const SIZE = 2 ** 20;

let holder, shown, texts, mdocs;
before(async () => {
  holder = await person(3_001);
  const copies = await accepted(await offer(holder), 2);
  [shown] = copies;
  texts = copies.map(({ text }) => text);
  mdocs = await Promise.all(
    (await accepted(await offer(holder, { configuration: MDOC }), 2)).map(({ text }) => readMdoc(text)),
  );
});

/** Fetch what is at an address in one form. */
async function fetched(uri, accept) {
  const answer = await fetch(uri, { headers: { accept } });
  assert.ok(answer.ok && answer.headers.get("content-type").startsWith(accept), `${uri}: ${answer.status}`);
  return answer;
}

/** A list as JWT, read by @sd-jwt/jwt-status-list; its signature is followed to the root. */
async function listAsText(uri) {
  const token = await (await fetched(uri, "application/statuslist+jwt")).text();
  assert.equal((await signed(token, "statuslist+jwt")).sub, uri);
  return getListFromStatusListJWT(token);
}

/** A list as CWT, read by @owf/token-status-list, its signature by @owf/mdoc. */
async function listAsBytes(uri) {
  const token = new Uint8Array(await (await fetched(uri, "application/statuslist+cwt")).arrayBuffer());
  const sign1 = Sign1.decode(token);
  await certified(sign1.certificateChain);
  assert.ok(await sign1.verifySignature({}, mdocContext), "the list's signature does not hold");
  const { payload } = StatusListCwt.fromToken(token);
  assert.equal(payload.subject, uri);
  return payload.statusList;
}

/** Look the entries up, fetching each list once. */
async function statuses(entries, list) {
  const lists = new Map(
    await Promise.all([...new Set(entries.map(({ uri }) => uri))].map(async (uri) => [uri, await list(uri)])),
  );
  return entries.map(({ uri, idx }) => lists.get(uri).getStatus(idx));
}

const entryOfText = (text) => getStatusListFromJWT(text.slice(0, text.indexOf("~")));

/** Where an mdoc's status stands. @owf/mdoc has no word for it yet, so its MSO is taken apart. */
function entryOfMdoc(read) {
  const list = cborDecode(read.issuerAuth.payload).get("status").get("status_list");
  return { idx: list.get("idx"), uri: list.get("uri") };
}

/** Look at every copy until all say `wanted`; gives after how many seconds they did. */
async function seen(wanted) {
  const began = performance.now();
  for (;;) {
    const said = [
      ...(await statuses(texts.map(entryOfText), listAsText)),
      ...(await statuses(mdocs.map(entryOfMdoc), listAsBytes)),
    ];
    const seconds = (performance.now() - began) / 1000;
    if (said.every((status) => status === wanted)) return seconds;
    assert.ok(seconds < SEEN_WITHIN_S, `after ${seconds.toFixed(0)} s the copies say ${said}`);
    await pause(250);
  }
}

/** Ask the holder, through our verifier, whether they are an e-resident today. */
async function answered() {
  const asked = await ask({ question: "e_resident_today" });
  const session = await Answering.open(asked.request_uri);
  await session.answer({ [(await session.matching([shown]))[0]]: [await session.show(shown)] });
  return (await verdict(asked)).verdict.answer;
}

test("every copy has an entry of its own, and all are valid", async () => {
  const entries = [...texts.map(entryOfText), ...mdocs.map(entryOfMdoc)];

  assert.equal(new Set(entries.map(({ uri, idx }) => `${uri} ${idx}`)).size, entries.length);
  assert.ok((await seen(VALID)) < SEEN_WITHIN_S);
});

test("the aggregation names the list, whose two bits for each of 2^20 entries both readers count", async () => {
  const server = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
  const { status_lists } = await (await fetch(server.status_list_aggregation_endpoint)).json();
  const { uri } = entryOfMdoc(mdocs[0]);
  const [text, bytes] = [await listAsText(uri), await listAsBytes(uri)];

  assert.ok(status_lists.includes(uri));
  assert.deepEqual([text.getBitsPerStatus(), text.statusList.length, bytes.statusList.length], [2, SIZE, SIZE]);
});

for (const [what, change, wanted] of [
  ["paused by the holder", () => act(holder, "pause"), SUSPENDED],
  ["resumed by the holder", () => act(holder, "resume"), VALID],
  ["suspended with the status", () => decide(holder, "suspend", "not_confirmed"), SUSPENDED],
  ["restored with the status", () => decide(holder, "restore"), VALID],
  ["revoked by the holder", () => act(holder, "revoke", { reason: "device_lost" }), INVALID],
]) {
  test(`${what}: seen in all copies of both formats`, async (step) => {
    await change();
    const seconds = await seen(wanted);

    step.diagnostic(`seen after ${seconds.toFixed(1)} s`);
    assert.equal(await answered(), wanted === VALID ? "yes" : "no");
    for (const [name, Reader] of Object.entries(SD_JWT_READERS)) {
      const read = readSdJwt(Reader, texts[0]);
      await (wanted === VALID ? read : assert.rejects(read, /Status is not valid/, name));
    }
  });
}
