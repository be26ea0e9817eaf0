/** The installation that run.py started, and the house's own API: only what the standards leave to it. */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const told = JSON.parse(process.env.INTEROP ?? assert.fail("run.py starts these tests: make interop"));

/** Where the house is. */
export const issuer = told.issuer;
/** A client of the code flow that the operator registered. */
export const client = told.wallet;
/** The e-resident who has a phone and a passkey; all others are seeded. */
export const resident = told.resident;

export const SD_JWT = "e_resident_sd_jwt";
export const MDOC = "e_resident_mdoc";
export const DOC_TYPE = "kz.gov.e-residency.e-resident.1";

/** Call an operation; gives what it answers, and fails with what it says. */
export async function call(method, path, { token, body } = {}) {
  const headers = { "idempotency-key": `"${randomUUID()}"`, "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(new URL(path, issuer), { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** Make an e-resident of the sandbox, by number: the same person each time. */
export async function person(number) {
  const body = { count: 1, start: number };
  return (await call("POST", "/v1/sandbox/residents", { token: told.service, body })).residents[0];
}

/** Offer a credential in a resident's name: its link, and the code that goes another way. */
export function offer(to, wanted = {}) {
  const body = { resident: to.id, with_tx_code: false, ...wanted };
  return call("POST", "/v1/sandbox/credential-offers", { token: told.service, body });
}

/** Ask for a presentation, as a relying party does. */
export function ask(body) {
  return call("POST", "/v1/sandbox/presentations", { token: told.service, body });
}

/** Read what became of it. `code` is what the holder's browser brought back. */
export function verdict(asked, code) {
  return call("GET", asked.verdict_url + (code ? `?response_code=${code}` : ""), { token: told.service });
}

/** Let the holder do something to what they hold: pause, resume or revoke. */
export async function act(holder, verb, body) {
  const { credentials } = await call("GET", "/v1/me/credentials", { token: holder.access_token });
  const held = credentials.find((each) => each.state !== "revoked");
  return call("POST", `/v1/me/credentials/${held.id}/${verb}`, { token: holder.access_token, body });
}

/** Let an officer do something to a resident's status: suspend, restore or revoke. */
export async function decide(holder, act, reason_code) {
  const { statuses } = await call("GET", `/v1/officer/residents/${holder.id}/statuses`, { token: told.officers[0] });
  const body = { act, ...(reason_code && { reason_code }) };
  return call("POST", `/v1/officer/statuses/${statuses[0].id}/changes`, { token: told.officers[0], body });
}

/** Have the operator trust a wallet provider. */
export function trustProvider(body) {
  return call("POST", "/v1/sandbox/wallet-providers", { token: told.service, body });
}

/** Have the operator register a wallet for the code flow. */
export function registerWallet(body) {
  return call("POST", "/v1/sandbox/wallets", { token: told.service, body });
}

/** Let a resident who has no passkey approve what a wallet pushed; gives where their browser goes. */
export async function approveInName(of, page) {
  const { client_id, request_uri } = Object.fromEntries(new URL(page).searchParams);
  const body = { resident: of.id, client_id, request_uri };
  return (await call("POST", "/v1/sandbox/authorizations", { token: told.service, body })).redirect_to;
}

/** Somebody whose application is being decided. */
export const applicant = { id: told.applicant.subject };

/** Let two officers approve it. */
export async function approveApplication() {
  for (const token of told.officers) {
    const body = { decision: "approve", comment_internal: "Document and checks are in order." };
    await call("POST", `/v1/officer/cases/${told.applicant.application}/reviews`, { token, body });
  }
}
