/** The resident at the page of the authorization server: reads what is shown, signs exactly that with the passkey. */

import assert from "node:assert/strict";
import { createHash, createPrivateKey, sign } from "node:crypto";

import { call, resident } from "./installation.js";

const sha256 = (data) => createHash("sha256").update(data).digest();
const [PRESENT, VERIFIED, BACKED_UP] = [0x01, 0x04, 0x18];

/** Approve what a wallet pushed; gives what was shown, and where the browser goes. */
export async function approve(url) {
  const { client_id, request_uri } = Object.fromEntries(new URL(url).searchParams);
  assert.equal((await fetch(url)).status, 200, "the page does not show");
  const opened = await call("POST", "/oauth/authorizations", { body: { client_id, request_uri } });
  const credential = answered(opened.options);
  const approved = await call("POST", `/oauth/authorizations/${opened.id}/approval`, { body: { credential } });
  return { shown: opened.shown, redirect: approved.redirect_to };
}

/** Answer `navigator.credentials.get(options)` (WebAuthn level 3). */
function answered({ challenge, rpId }) {
  const { passkey, origin } = resident;
  assert.equal(rpId, passkey.rp_id);
  const clientData = Buffer.from(JSON.stringify({ type: "webauthn.get", challenge, origin, crossOrigin: false }));
  const counter = Buffer.alloc(4); // a passkey on several devices counts nothing
  const data = Buffer.concat([sha256(rpId), Buffer.from([PRESENT | VERIFIED | BACKED_UP]), counter]);
  const key = createPrivateKey({ key: Buffer.from(passkey.private, "base64url"), format: "der", type: "pkcs8" });
  return {
    id: passkey.id,
    rawId: passkey.id,
    type: "public-key",
    authenticatorAttachment: "platform",
    clientExtensionResults: {},
    response: {
      clientDataJSON: clientData.toString("base64url"),
      authenticatorData: data.toString("base64url"),
      signature: sign("sha256", Buffer.concat([data, sha256(clientData)]), key).toString("base64url"),
      userHandle: passkey.user_handle,
    },
  };
}
