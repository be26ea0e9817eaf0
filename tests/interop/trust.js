/** What a stranger believes: the roots that the house publishes, pinned once. And the readers that believe no more. */

import "reflect-metadata";

import assert from "node:assert/strict";
import { createHash, webcrypto } from "node:crypto";

import { Verifier } from "@auth0/mdl";
import { CoseKey, DeviceResponse, IssuerSigned } from "@owf/mdoc";
import { SubjectKeyIdentifierExtension, X509Certificate, X509ChainBuilder } from "@peculiar/x509";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import * as jose from "jose";
import { SDJwtVcInstance as SDJwtVcInstance19 } from "sd-jwt-vc-0.19";

import { issuer } from "./installation.js";

const bundle = await (await fetch(`${issuer}/.well-known/eresidency-root.pem`)).text();
const pems = bundle.split(/(?<=-----END CERTIFICATE-----\n)/).filter(Boolean);
/** The roots, first the one that signs; every process of these tests pins them when it begins. */
export const roots = pems.map((each) => new X509Certificate(each));
const trustedCertificates = roots.map((each) => new Uint8Array(each.rawData));

const { keyId } = roots[0].getExtension(SubjectKeyIdentifierExtension);
/** How DCQL names it as an authority (OpenID4VP 1.0 section 6.1.1.1). */
export const ROOT_KEY_ID = Buffer.from(keyId, "hex").toString("base64url");

/** Follow certificates (base64 or DER, the leaf first) to a root that is pinned; gives the leaf's key as JWK. */
export async function certified(chain, now = new Date(), pinned = roots) {
  const certificates = chain.map((each) => new X509Certificate(each));
  const built = await new X509ChainBuilder({ certificates: [...certificates, ...pinned] }).build(certificates[0]);
  assert.ok(!certificates.some((each) => pinned.some((root) => each.equal(root))), "an anchor travels along");
  assert.ok(!(await certificates[0].isSelfSigned()), "the leaf signed itself");
  assert.ok(pinned.some((root) => built.at(-1).equal(root)), "the chain does not lead to a root");
  for (const [place, each] of built.entries()) {
    const publicKey = built[Math.min(place + 1, built.length - 1)].publicKey;
    assert.ok(await each.verify({ publicKey, signatureOnly: true }), `certificate ${place} is not signed by the next`);
    assert.ok(each.notBefore <= now && now < each.notAfter, `certificate ${place} is not in force`);
  }
  return keyOf(certificates[0]);
}

/** Give the key of a certificate as JWK. */
export async function keyOf(certificate) {
  const { kty, crv, x, y } = await jose.exportJWK(await certificate.publicKey.export(undefined, undefined, webcrypto));
  return { kty, crv, x, y };
}

/** Verify a compact JWT whose certificates lead to the root; gives its claims. */
export async function signed(compact, typ) {
  const header = jose.decodeProtectedHeader(compact);
  assert.equal(header.typ, typ);
  const key = await jose.importJWK(await certified(header.x5c), header.alg);
  return JSON.parse(new TextDecoder().decode((await jose.compactVerify(compact, key)).payload));
}

/** Hash text or bytes, as @sd-jwt and @owf ask for it. */
export const hasher = (data, algorithm = "sha-256") => {
  const bytes = typeof data === "string" ? data : new Uint8Array(data);
  return new Uint8Array(createHash(algorithm.replace("-", "")).update(bytes).digest());
};

const ES256 = { name: "ECDSA", hash: "SHA-256" };

const verifies = (jwk) => async (data, signature) => {
  const key = await webcrypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return webcrypto.subtle.verify(ES256, key, Buffer.from(signature, "base64url"), new TextEncoder().encode(data));
};

/** The reader of SD-JWT VCs that refuses disclosures which nobody refers to; the one before it passes over them. */
export const NEWEST = SDJwtVcInstance;
export const SD_JWT_READERS = {
  "@sd-jwt/sd-jwt-vc 0.20": NEWEST,
  "@sd-jwt/sd-jwt-vc 0.19": SDJwtVcInstance19,
};

/**
 * Read an SD-JWT VC by somebody else's library: signature, digests, type metadata, status.
 * With a `nonce` its key binding too; without `status` the list is left alone.
 */
export async function readSdJwt(Reader, text, { nonce, status = true } = {}) {
  const header = jose.decodeProtectedHeader(text.slice(0, text.indexOf("~")));
  const reader = new Reader({
    hasher,
    hashAlg: "sha-256",
    verifier: verifies(await certified(header.x5c)),
    statusVerifier: statusSigner,
    kbVerifier: (data, signature, { cnf }) => verifies(cnf.jwk)(data, signature),
    loadTypeMetadataFormat: true,
  });
  return reader.verify(text, { keyBindingNonce: nonce, disableStatusVerification: !status });
}

/** Status lists are signed by a certificate of their own, which travels in their header. */
async function statusSigner(data, signature) {
  const header = JSON.parse(Buffer.from(data.slice(0, data.indexOf(".")), "base64url"));
  return verifies(await certified(header.x5c))(data, signature);
}

/** What @owf/mdoc asks of its surroundings. */
export const mdocContext = {
  crypto: {
    digest: ({ digestAlgorithm, bytes }) => hasher(bytes, digestAlgorithm.toLowerCase()),
  },
  cose: {
    sign1: {
      sign: async ({ key, toBeSigned }) => {
        const own = await jose.importJWK({ ...key.jwk, key_ops: undefined, ext: undefined }, "ES256");
        return new Uint8Array(await webcrypto.subtle.sign(ES256, own, toBeSigned));
      },
      verify: async ({ key, sign1 }) => {
        const { kty, crv, x, y } = key.jwk;
        const public_ = await jose.importJWK({ kty, crv, x, y }, "ES256");
        return webcrypto.subtle.verify(ES256, public_, sign1.signature, sign1.toBeSigned);
      },
    },
  },
  x509: {
    getIssuerNameField: ({ certificate, field }) => new X509Certificate(certificate).issuerName.getField(field),
    getPublicKey: async ({ certificate }) => CoseKey.fromJwk(await keyOf(new X509Certificate(certificate))),
    verifyCertificateChain: ({ x5chain, now }) => certified(x5chain, now),
    getCertificateData: async ({ certificate }) => {
      const found = new X509Certificate(certificate);
      return {
        issuerName: found.issuerName.toString(),
        subjectName: found.subjectName.toString(),
        serialNumber: found.serialNumber,
        thumbprint: Buffer.from(await found.getThumbprint(webcrypto)).toString("hex"),
        notBefore: found.notBefore,
        notAfter: found.notAfter,
        pem: found.toString("pem"),
      };
    },
  },
};

/** Read the IssuerSigned of an mdoc by @owf/mdoc: chain, signature, digests, validity. */
export async function readMdoc(credential) {
  const read = IssuerSigned.fromEncodedForOid4Vci(credential);
  await read.verify({ trustedCertificates }, mdocContext);
  return read;
}

/** Verify a copy of either format; gives the key it is bound to, as JWK. */
export async function boundTo(text) {
  if (text.includes("~")) return (await readSdJwt(NEWEST, text, { status: false })).payload.cnf.jwk;
  const { kty, crv, x, y } = (await readMdoc(text)).issuerAuth.mobileSecurityObject.deviceKeyInfo.deviceKey.jwk;
  return { kty, crv, x, y };
}

/** The readers of what an mdoc's holder shows, by name: each fails unless every one of its checks passes. */
export const MDOC_READERS = {
  "@owf/mdoc 0.6": (response, sessionTranscript) =>
    DeviceResponse.decode(response).verify({ sessionTranscript, trustedCertificates }, mdocContext),
  "@auth0/mdl 3.0": (response, sessionTranscript) =>
    new Verifier(pems).verify(Buffer.from(response), {
      encodedSessionTranscript: Buffer.from(sessionTranscript.encode({ asDataItem: true })),
    }),
};
