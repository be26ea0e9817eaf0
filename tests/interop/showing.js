/** What a holder shows of a copy, made by other people's libraries: @sd-jwt/sd-jwt-vc, @owf/mdoc, @auth0/mdl. */

import { randomBytes, sign } from "node:crypto";

import { DeviceResponse as Auth0Response, parse } from "@auth0/mdl";
import * as owf from "@owf/mdoc";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import * as jose from "jose";

import { DOC_TYPE } from "./installation.js";
import { privateJwk, privateKey } from "./keys.js";
import { hasher, mdocContext } from "./trust.js";

/** Show some claims of an SD-JWT VC, bound to the occasion by the key it was issued to. */
export async function disclosed({ text, key }, frame, { audience, nonce, ...more }) {
  const own = await privateKey(key);
  const holder = new SDJwtVcInstance({
    hasher,
    kbSigner: (data) =>
      sign("sha256", Buffer.from(data), { key: own, dsaEncoding: "ieee-p1363" }).toString("base64url"),
    kbSignAlg: "ES256",
  });
  const iat = Math.floor(Date.now() / 1000);
  return holder.present(text, frame, { kb: { payload: { aud: audience, nonce, iat, ...more } } });
}

/** The transcript of a session (OpenID4VP 1.0 appendix B.2.6.1). `jwk` is what the answer is encrypted to. */
export async function transcriptOf({ client_id, nonce, response_uri }, jwk) {
  const jwkThumbprint = jwk && new Uint8Array(Buffer.from(await jose.calculateJwkThumbprint(jwk), "base64url"));
  const told = { clientId: client_id, nonce, responseUri: response_uri, jwkThumbprint };
  return owf.SessionTranscript.forOid4Vp(told, mdocContext);
}

/** A session that nobody but the test has. */
export function alone() {
  const nonce = randomBytes(16).toString("base64url");
  return transcriptOf({ client_id: "x509_hash:test", nonce, response_uri: "https://verifier.example/response" });
}

/** What the device of our mdocs may say by itself: digests of what its holder agrees to. */
const AGREEMENT = ["kz.gov.e-residency.agreement.1", "transaction_data_hashes"];

function saying(agreed) {
  const [namespace, element] = AGREEMENT;
  const deviceSignedItems = owf.DeviceSignedItems.create({ deviceSignedItems: new Map([[element, agreed]]) });
  return owf.DeviceNamespaces.create({ deviceNamespaces: new Map([[namespace, deviceSignedItems]]) });
}

/** How an mdoc's elements are shown, by library: the bytes of a DeviceResponse. */
export const MDOC_WALLETS = {
  "@owf/mdoc": async ({ text, key }, elements, sessionTranscript, agreed = []) => {
    const namespaces = { [DOC_TYPE]: Object.fromEntries(elements.map((each) => [each, false])) };
    const itemsRequest = owf.ItemsRequest.create({ docType: DOC_TYPE, namespaces });
    const made = await owf.DeviceResponse.createWithDeviceRequest(
      {
        deviceRequest: owf.DeviceRequest.create({ docRequests: [owf.DocRequest.create({ itemsRequest })] }),
        sessionTranscript,
        issuerSigned: [owf.IssuerSigned.fromEncodedForOid4Vci(text)],
        ...(agreed.length > 0 && { deviceNamespaces: saying(agreed) }),
        signature: { signingKey: owf.CoseKey.fromJwk({ ...(await privateJwk(key)), alg: "ES256" }) },
      },
      mdocContext,
    );
    return Buffer.from(made.encode());
  },
  "@auth0/mdl": async ({ text, key }, elements, sessionTranscript) => {
    const path = (element) => ({ path: [`$['${DOC_TYPE}']['${element}']`], intent_to_retain: false });
    const descriptor = { id: DOC_TYPE, constraints: { limit_disclosure: "required", fields: elements.map(path) } };
    const made = await Auth0Response.from(parse(wrapped(text)))
      .usingPresentationDefinition({ id: "test", input_descriptors: [descriptor] })
      .usingSessionTranscriptBytes(Buffer.from(sessionTranscript.encode({ asDataItem: true })))
      .authenticateWithSignature(await privateJwk(key), "ES256")
      .sign();
    return made.encode();
  },
};

/** Put an IssuerSigned into what @auth0/mdl begins with: {version, documents: [{docType, issuerSigned}], status}. */
function wrapped(text) {
  const [map, list, zero] = [(size) => [0xa0 | size], [0x81], [0]];
  const word = (said) => [...(said.length < 24 ? [0x60 | said.length] : [0x78, said.length]), ...Buffer.from(said)];
  const document = [...map(2), ...word("docType"), ...word(DOC_TYPE), ...word("issuerSigned")];
  const before = [...map(3), ...word("version"), ...word("1.0"), ...word("documents"), ...list, ...document];
  return Buffer.concat([
    Buffer.from(before),
    Buffer.from(text, "base64url"),
    Buffer.from([...word("status"), ...zero]),
  ]);
}
