/** Keys of the other side, in memory, and the callbacks through which the libraries of OpenID4VC use them. */

import { createHash, randomBytes } from "node:crypto";

import { clientAuthenticationAnonymous } from "@openid4vc/oauth2";
import { X509Certificate } from "@peculiar/x509";
import * as jose from "jose";

import { certified, keyOf } from "./trust.js";

const encoded = (text) => new TextEncoder().encode(text);

/** All private keys of this process, by thumbprint. */
const ring = new Map();

/** Make a P-256 key; gives its public half as JWK. */
export async function newKey() {
  const { privateKey, publicKey } = await jose.generateKeyPair("ES256", { extractable: true });
  const { kty, crv, x, y } = await jose.exportJWK(publicKey);
  const jwk = { kty, crv, x, y };
  ring.set(await jose.calculateJwkThumbprint(jwk), privateKey);
  return jwk;
}

/** Give the private half of a key of ours. */
export async function privateKey(jwk) {
  return ring.get(await jose.calculateJwkThumbprint(jwk));
}

/** Give it as JWK, for libraries that take nothing else. */
export async function privateJwk(jwk) {
  return jose.exportJWK(await privateKey(jwk));
}

/** Name a key as the signer of a JWT. */
export function signer(jwk) {
  return { method: "jwk", alg: "ES256", publicJwk: jwk };
}

async function signJwt(by, { header, payload }) {
  const signerJwk = by.method === "x5c" ? await keyOf(new X509Certificate(by.x5c[0])) : by.publicJwk;
  const compact = new jose.CompactSign(encoded(JSON.stringify(payload))).setProtectedHeader(header);
  return { jwt: await compact.sign(await privateKey(signerJwk)), signerJwk };
}

/** A JWT is the issuer's if its certificates lead to the root that is pinned; any other names its key itself. */
async function verifyJwt(by, { compact }) {
  const signerJwk = by.method === "x5c" ? await certified(by.x5c) : by.publicJwk;
  try {
    await jose.compactVerify(compact, await jose.importJWK(signerJwk, by.alg), { algorithms: ["ES256"] });
    return { verified: true, signerJwk };
  } catch {
    return { verified: false };
  }
}

async function encryptJwe({ publicJwk, alg, enc, apu, apv }, data) {
  const header = { alg, enc, kid: publicJwk.kid, ...(apu && { apu }), ...(apv && { apv }) };
  const encrypting = new jose.CompactEncrypt(encoded(data)).setProtectedHeader(header);
  return { jwe: await encrypting.encrypt(await jose.importJWK(publicJwk, alg)), encryptionJwk: publicJwk };
}

async function decryptJwe(jwe, { jwk } = {}) {
  const { plaintext } = await jose.compactDecrypt(jwe, await jose.importJWK(await privateJwk(jwk), "ECDH-ES"));
  return { decrypted: true, decryptionJwk: jwk, payload: new TextDecoder().decode(plaintext) };
}

/** The callbacks of @openid4vc. */
export function callbacks(clientAuthentication = clientAuthenticationAnonymous()) {
  return {
    clientAuthentication,
    decryptJwe,
    encryptJwe,
    fetch,
    generateRandom: (length) => randomBytes(length),
    getX509CertificateMetadata: (certificate) => {
      const names = new X509Certificate(certificate).getExtension("2.5.29.17")?.names.items ?? [];
      const of = (type) => names.filter((name) => name.type === type).map((name) => name.value);
      return { sanDnsNames: of("dns"), sanUriNames: of("url") };
    },
    hash: (data, algorithm) => createHash(algorithm.replace("-", "")).update(data).digest(),
    signJwt,
    verifyJwt,
  };
}
