/** A wallet's side of OpenID4VP 1.0: @openid4vc/openid4vp reads the request and encrypts the answer, dcql chooses. */

import assert from "node:assert/strict";

import { getGlobalConfig, setGlobalConfig } from "@openid4vc/oauth2";
import { extractEncryptionJwkFromJwks, Openid4vpClient } from "@openid4vc/openid4vp";
import { IssuerSigned } from "@owf/mdoc";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import { DcqlQuery } from "dcql";

import { DOC_TYPE } from "./installation.js";
import { callbacks } from "./keys.js";
import { disclosed, MDOC_WALLETS, transcriptOf } from "./showing.js";
import { hasher, ROOT_KEY_ID } from "./trust.js";

setGlobalConfig({ ...getGlobalConfig(), allowInsecureUrls: true });

const client = new Openid4vpClient({ callbacks: callbacks() });

/** One request, as a wallet has it before it shows anything. */
export class Answering {
  /** Fetch the request behind a link, its signature followed to the root and its name to the signature. */
  static async open(uri, { method } = {}) {
    const { params } = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: uri });
    const asked = { ...params, ...(method && { request_uri_method: method }) };
    const session = new Answering();
    session.resolved = await client.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: asked });
    assert.equal(session.resolved.client.prefix, "x509_hash");
    return session;
  }

  get request() {
    return this.resolved.authorizationRequestPayload;
  }

  get query() {
    return DcqlQuery.parse(this.resolved.dcql.query);
  }

  /** What the holder is asked to agree to. */
  get agreements() {
    return this.resolved.transactionData ?? [];
  }

  get encryptionKey() {
    return extractEncryptionJwkFromJwks(this.request.client_metadata.jwks, { supportedAlgValues: ["ECDH-ES"] });
  }

  /** Whom and what a presentation is for. */
  get binding() {
    return { audience: this.request.client_id, nonce: this.request.nonce };
  }

  /** Name the credential queries that `copies` satisfy, as dcql has it. */
  async matching(copies) {
    DcqlQuery.validate(this.query);
    const described = await Promise.all(copies.map(held));
    const { can_be_satisfied, credential_matches } = DcqlQuery.query(this.query, described);
    assert.ok(can_be_satisfied, "the wallet has nothing that would do");
    return Object.entries(credential_matches)
      .filter(([, { success }]) => success)
      .map(([id]) => id);
  }

  /** Show of a copy what its query asks for, agreeing to what is to be agreed to. */
  async show(copy) {
    const isText = copy.text.includes("~");
    const wanted = this.query.credentials.find(({ format }) => (format === "dc+sd-jwt") === isText);
    if (isText) {
      const hashes = this.agreements.map(({ encoded }) => Buffer.from(hasher(encoded)).toString("base64url"));
      const agreed =
        hashes.length > 0 ? { transaction_data_hashes: hashes, transaction_data_hashes_alg: "sha-256" } : {};
      return disclosed(copy, frameOf(wanted.claims.map(({ path }) => path)), { ...this.binding, ...agreed });
    }
    const elements = wanted.claims.map(({ path }) => path[1]);
    const transcript = await transcriptOf(this.request, this.encryptionKey);
    const agreed = this.agreements.map(({ encoded }) => hasher(encoded));
    return (await MDOC_WALLETS["@owf/mdoc"](copy, elements, transcript, agreed)).toString("base64url");
  }

  /** Encrypt and send; gives what the verifier answers. */
  async answer(vp_token) {
    const made = await client.createOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: this.request,
      authorizationResponsePayload: { vp_token },
      jarm: {
        encryption: { jwk: this.encryptionKey },
        serverMetadata: {
          authorization_signing_alg_values_supported: [],
          authorization_encryption_alg_values_supported: ["ECDH-ES"],
          authorization_encryption_enc_values_supported: ["A128GCM", "A256GCM"],
        },
      },
    });
    const { response } = await client.submitOpenid4vpAuthorizationResponse({
      authorizationRequestPayload: this.request,
      authorizationResponsePayload: made.authorizationResponsePayload,
      jarm: made.jarm,
    });
    const text = await response.text();
    assert.ok(response.ok, `${response.status} ${text}`);
    return text ? JSON.parse(text) : {};
  }
}

/** Describe a copy as dcql wants it: everything the wallet has, not what it would show. */
async function held({ text }) {
  const common = { cryptographic_holder_binding: true, authority: { type: "aki", values: [ROOT_KEY_ID] } };
  if (text.includes("~")) {
    const { vct, ...claims } = await new SDJwtVcInstance({ hasher }).getClaims(text);
    return { ...common, credential_format: "dc+sd-jwt", vct, claims };
  }
  const namespaces = { [DOC_TYPE]: IssuerSigned.fromEncodedForOid4Vci(text).getPrettyClaims(DOC_TYPE) };
  return { ...common, credential_format: "mso_mdoc", doctype: DOC_TYPE, namespaces };
}

/** Write paths as the frame of @sd-jwt. */
function frameOf(paths) {
  const frame = {};
  for (const path of paths) {
    path.reduce((node, name, place) => (node[name] = place === path.length - 1 ? true : (node[name] ?? {})), frame);
  }
  return frame;
}
