/** A wallet provider of somebody else: a root, a certificate under it, and its word on wallets and keys. */

import "reflect-metadata";

import { webcrypto } from "node:crypto";

import { clientAuthenticationClientAttestationJwt } from "@openid4vc/oauth2";
import { Openid4vciWalletProvider } from "@openid4vc/openid4vci";
import { BasicConstraintsExtension, KeyUsageFlags, KeyUsagesExtension, X509CertificateGenerator } from "@peculiar/x509";

import { registerWallet, trustProvider } from "./installation.js";
import { callbacks, newKey, privateJwk } from "./keys.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const AN_HOUR_MS = 3_600_000;

/** One provider. Its word is nothing until the house trusts its root. */
export class Provider {
  static async make(id) {
    const made = new Provider();
    made.id = id;
    made.wallet = { id: `wallet.${id}`, redirect_uri: "https://attested.example/callback" };
    made.provider = new Openid4vciWalletProvider({ callbacks: callbacks() });
    const [rootKey, leafKey] = [await pair(), await pair()];
    const names = { root: `CN=${id} root,C=KZ`, leaf: `CN=${id} attestations,C=KZ` };
    const certifying = new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true);
    const ca = new BasicConstraintsExtension(true, 0, true);
    made.root = await certificate(names.root, names.root, rootKey.publicKey, rootKey.privateKey, [ca, certifying]);
    const signing = new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true);
    const leaf = await certificate(names.leaf, names.root, leafKey.publicKey, rootKey.privateKey, [signing]);
    made.signer = { method: "x5c", alg: "ES256", x5c: [leaf.toString("base64")] };
    return made;
  }

  /** Have the operator of the house believe this provider, and register its wallet. */
  async trusted() {
    await trustProvider({ id: this.id, name: "A provider of somebody else", root: this.root.toString("pem") });
    const { id, redirect_uri } = this.wallet;
    await registerWallet({ id, name: "A wallet that is attested", redirect_uris: [redirect_uri], provider: this.id });
  }

  /** Attest one instance of its wallet; gives how that authenticates itself. */
  async attested() {
    const jwk = await newKey();
    const clientAttestationJwt = await this.provider.createWalletAttestationJwt({
      clientId: this.wallet.id,
      confirmation: { jwk },
      issuer: "https://provider.example",
      issuedAt: new Date(),
      expiresAt: new Date(Date.now() + AN_HOUR_MS),
      signer: this.signer,
      walletName: "A wallet of somebody else",
    });
    return clientAuthenticationClientAttestationJwt({ clientAttestationJwt, callbacks: callbacks() });
  }

  /** Attest keys; `use` is the kind of proof this goes with. */
  keys(attestedKeys, use, nonce) {
    return this.provider.createKeyAttestationJwt({
      use,
      attestedKeys,
      nonce,
      issuedAt: new Date(),
      expiresAt: new Date(Date.now() + AN_HOUR_MS),
      keyStorage: ["iso_18045_high"],
      userAuthentication: ["iso_18045_high"],
      signer: this.signer,
    });
  }
}

/** Make a key pair that the ring of this process knows. */
async function pair() {
  const jwk = await newKey();
  const own = await privateJwk(jwk);
  return {
    publicKey: await webcrypto.subtle.importKey("jwk", jwk, ALGORITHM, true, ["verify"]),
    privateKey: await webcrypto.subtle.importKey("jwk", own, ALGORITHM, true, ["sign"]),
  };
}

function certificate(subject, issuer, publicKey, signingKey, extensions) {
  return X509CertificateGenerator.create(
    {
      subject,
      issuer,
      publicKey,
      signingKey,
      extensions,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - AN_HOUR_MS),
      notAfter: new Date(Date.now() + 24 * AN_HOUR_MS),
    },
    webcrypto,
  );
}
