/** One root succeeds another: whoever pinned the one believes what stands under the other, by a link certificate. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as jose from "jose";

import { issuer, offer, person } from "./installation.js";
import { certified, roots } from "./trust.js";
import { accepted } from "./wallet.js";

const { roots: told } = await (await fetch(`${issuer}/.well-known/eresidency-roots`)).json();
const [next, first] = roots;

/** Fetch a certificate, as bytes. */
const certificate = async (url) => new Uint8Array(await (await fetch(url)).arrayBuffer());

/** The certificates of whoever signed a compact JWT. */
const chainOf = (compact) => jose.decodeProtectedHeader(compact).x5c;

test("@peculiar/x509 follows a link from the next root's leaves to the first root, and back", async () => {
  const [{ text }] = await accepted(await offer(await person(5_001)));
  const [list] = (await (await fetch(`${issuer}/status-lists`)).json()).status_lists;
  const status = await (await fetch(list, { headers: { accept: "application/statuslist+jwt" } })).text();
  const document = chainOf(text.slice(0, text.indexOf("~")));
  const [link, former] = [await certificate(told[0].link_url), await certificate(told[0].former_url)];

  for (const chain of [document, chainOf(status)]) {
    const under = await certified(chain, new Date(), [next]).then(() => next, () => first);
    const [other, between] = under === next ? [first, link] : [next, former];
    await certified(chain, new Date(), [under]);
    await assert.rejects(certified(chain, new Date(), [other]), /does not lead to a root/);
    await certified([...chain, between], new Date(), [other]);
  }
});
