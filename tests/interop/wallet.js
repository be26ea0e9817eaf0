/** A wallet made of other people's parts: @openid4vc/openid4vci and @openid4vc/oauth2. */

import assert from "node:assert/strict";

import { clientAuthenticationNone, getGlobalConfig, resourceRequest, setGlobalConfig } from "@openid4vc/oauth2";
import * as vci from "@openid4vc/openid4vci";
import * as jose from "jose";

import { approveInName, client as registered } from "./installation.js";
import { callbacks, newKey, signer } from "./keys.js";
import { approve } from "./passkey.js";

// The server under test is on this machine and speaks plain HTTP.
setGlobalConfig({ ...getGlobalConfig(), allowInsecureUrls: true });
vci.setGlobalConfig({ ...vci.getGlobalConfig(), allowInsecureUrls: true });

/** One wallet with one DPoP key. It reads everything but the offer in the issuer's metadata. */
export class Wallet {
  /** `authentication` is how it tells who it is, by default it doesn't; `as` is under which name it was registered. */
  static async open(offerUri, authentication, as = registered) {
    const wallet = new Wallet();
    wallet.registered = as;
    wallet.callbacks = callbacks(authentication);
    wallet.client = new vci.Openid4vciClient({ callbacks: wallet.callbacks });
    wallet.offer = await wallet.client.resolveCredentialOffer(offerUri);
    wallet.metadata = await wallet.client.resolveIssuerMetadata(wallet.offer.credential_issuer);
    wallet.dpop = { signer: signer(await newKey()) };
    return wallet;
  }

  /** The authorization server that the issuer names. */
  get server() {
    return this.metadata.authorizationServers[0];
  }

  get configuration() {
    return this.offer.credential_configuration_ids[0];
  }

  /** Exchange the pre-authorized code. */
  async redeem(txCode) {
    const given = await this.client.retrievePreAuthorizedCodeAccessTokenFromOffer({
      credentialOffer: this.offer,
      issuerMetadata: this.metadata,
      dpop: this.dpop,
      txCode,
    });
    return this.#keep(given);
  }

  /** Push what is asked for; gives where the resident's browser goes. */
  async push(asked) {
    const pushed = await this.client.initiateAuthorization({
      clientId: this.registered.id,
      redirectUri: this.registered.redirect_uri,
      issuerMetadata: this.metadata,
      credentialOffer: this.offer,
      dpop: this.dpop,
      ...asked,
    });
    this.pkce = pushed.pkce;
    this.dpop = { ...this.dpop, ...pushed.dpop };
    return pushed.authorizationRequestUrl;
  }

  /** Exchange the code that the browser brought back. */
  async exchange(redirect) {
    const { code } = this.client.parseAndVerifyAuthorizationResponseRedirectUrl({
      url: redirect,
      authorizationServerMetadata: this.server,
    });
    const given = await this.client.retrieveAuthorizationCodeAccessTokenFromOffer({
      issuerMetadata: this.metadata,
      credentialOffer: this.offer,
      authorizationCode: code,
      pkceCodeVerifier: this.pkce.codeVerifier,
      redirectUri: this.registered.redirect_uri,
      dpop: this.dpop,
    });
    return this.#keep(given);
  }

  /** Exchange the refresh token for another pair. */
  async refresh() {
    const given = await this.client.oauth2Client.retrieveRefreshTokenAccessToken({
      authorizationServerMetadata: this.server,
      refreshToken: this.token.refresh_token,
      dpop: this.dpop,
    });
    return this.#keep(given);
  }

  #keep({ accessTokenResponse, dpop }) {
    this.token = accessTokenResponse;
    this.dpop = { ...this.dpop, ...dpop };
    return accessTokenResponse;
  }

  /** Fetch a nonce for the next proofs. */
  async nonce() {
    return (await this.client.requestNonce({ issuerMetadata: this.metadata })).c_nonce;
  }

  /** Prove to hold `keys`, each with a proof of its own over one nonce. */
  async proofs(keys, { nonce, clientId, keyAttestationJwt } = {}) {
    nonce ??= await this.nonce();
    const made = keys.map((key) =>
      this.client.createCredentialRequestJwtProof({
        issuerMetadata: this.metadata,
        credentialConfigurationId: this.configuration,
        signer: signer(key),
        nonce,
        clientId,
        keyAttestationJwt,
      }),
    );
    return { jwt: (await Promise.all(made)).map(({ jwt }) => jwt) };
  }

  /** Ask for the credential with these proofs; gives the issuer's answer. */
  async ask(proofs) {
    const { authorization_details: granted } = this.token;
    // The library has no words for identifiers, which a token that came with them calls for.
    if (granted) {
      const body = { credential_identifier: granted[0].credential_identifiers[0], proofs };
      return JSON.parse(await this.#send(JSON.stringify(body), "application/json"));
    }
    const { credentialResponse, dpop } = await this.client.retrieveCredentials({
      issuerMetadata: this.metadata,
      credentialConfigurationId: this.configuration,
      accessToken: this.token.access_token,
      dpop: this.dpop,
      proofs,
    });
    this.dpop = { ...this.dpop, ...dpop };
    return credentialResponse;
  }

  /** Ask as `ask` does, both ways encrypted (OpenID4VCI 1.0 section 10), by jose. */
  async askEncrypted(proofs, { enc }) {
    const { jwks } = this.metadata.credentialIssuer.credential_request_encryption;
    const own = { ...(await newKey()), alg: "ECDH-ES", kid: "answers" };
    const body = {
      credential_configuration_id: this.configuration,
      proofs,
      credential_response_encryption: { jwk: own, enc },
    };
    const { kid, alg, ...jwk } = jwks.keys[0];
    const plain = new TextEncoder().encode(JSON.stringify(body));
    const encrypting = new jose.CompactEncrypt(plain).setProtectedHeader({ alg, enc, kid });
    const answer = await this.#send(await encrypting.encrypt(await jose.importJWK(jwk, alg)), "application/jwt");
    const { payload } = await this.callbacks.decryptJwe(answer, { jwk: own });
    return { header: jose.decodeProtectedHeader(answer), body: JSON.parse(payload) };
  }

  /** Send a credential request of one's own; gives the answer, which must come in the same form. */
  async #send(body, type) {
    const sent = await resourceRequest({
      url: this.metadata.credentialIssuer.credential_endpoint,
      callbacks: this.callbacks,
      accessToken: this.token.access_token,
      dpop: this.dpop,
      requestOptions: { method: "POST", headers: { "Content-Type": type }, body },
    });
    this.dpop = { ...this.dpop, ...sent.dpop };
    const text = await sent.response.text();
    assert.ok(sent.ok, `${sent.response.status} ${text}`);
    assert.equal(sent.response.headers.get("content-type").split(";")[0], type);
    return text;
  }

  /** Come for what had to wait. */
  async collect(transactionId) {
    const { deferredCredentialResponse, dpop } = await this.client.retrieveDeferredCredentials({
      issuerMetadata: this.metadata,
      accessToken: this.token.access_token,
      dpop: this.dpop,
      transactionId,
    });
    this.dpop = { ...this.dpop, ...dpop };
    return deferredCredentialResponse;
  }

  /** Fetch `copies`, each for a new key: pairs of the text and the key it is bound to. */
  async fetch(copies = 1, proving = {}) {
    const keys = await Promise.all(Array.from({ length: copies }, newKey));
    const answer = await this.ask(await this.proofs(keys, proving));
    this.notificationId = answer.notification_id;
    return answer.credentials.map(({ credential }, place) => ({ text: credential, key: keys[place] }));
  }

  /** Tell the issuer what became of what it issued. */
  notify(event, notificationId = this.notificationId) {
    return this.client.sendNotification({
      issuerMetadata: this.metadata,
      accessToken: this.token.access_token,
      dpop: this.dpop,
      notification: { notificationId, event },
    });
  }
}

/** How a registered wallet without an attestation says who it is. */
const publicClient = clientAuthenticationNone({ clientId: registered.id });

/** Take an offer all the way to copies, anonymously. */
export async function accepted(offer, copies = 1) {
  const wallet = await Wallet.open(offer.offer_uri);
  await wallet.redeem(offer.tx_code ?? undefined);
  return wallet.fetch(copies);
}

/** How the code flow names what it wants. */
export const NAMING = {
  scope: (configuration) => ({ scope: configuration.scope }),
  authorization_details: (_, credential_configuration_id) => ({
    additionalRequestPayload: { authorization_details: [{ type: "openid_credential", credential_configuration_id }] },
  }),
};

/**
 * Take an offer to a token by the code flow; gives the wallet, the page and what it showed. The resident with the passkey
 * approves, or the operator in the name of the seeded one `by`.
 */
export async function authorized(offer, { authentication = publicClient, naming = NAMING.scope, as, by } = {}) {
  const wallet = await Wallet.open(offer.offer_uri, authentication, as);
  const described = wallet.metadata.credentialIssuer.credential_configurations_supported[wallet.configuration];
  const page = await wallet.push(naming(described, wallet.configuration));
  const { shown, redirect } = by ? { redirect: await approveInName(by, page) } : await approve(page);
  await wallet.exchange(redirect);
  return { wallet, page, shown };
}
