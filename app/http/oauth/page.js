"use strict";
// Opens the pushed request, shows it, lets the passkey sign it, and goes where the server says.
const words = JSON.parse(document.getElementById("words").textContent);
const asked = new URLSearchParams(location.search);
const at = (id) => document.getElementById(id);
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (raw) =>
  btoa(String.fromCharCode(...new Uint8Array(raw))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const post = async (path, body) => {
  const sent = { method: "POST", headers: { "Content-Type": "application/json" }, credentials: "omit" };
  const answer = await fetch(path, body === undefined ? sent : { ...sent, body: JSON.stringify(body) });
  return { ok: answer.ok, body: await answer.json() };
};

const say = (word) => {
  at("said").textContent = words[word];
};

const assertion = async (options) => {
  const publicKey = { ...options, challenge: bytes(options.challenge) };
  const signed = await navigator.credentials.get({ publicKey });
  const { clientDataJSON, authenticatorData, signature, userHandle } = signed.response;
  return {
    id: signed.id,
    rawId: text(signed.rawId),
    type: signed.type,
    response: {
      clientDataJSON: text(clientDataJSON),
      authenticatorData: text(authenticatorData),
      signature: text(signature),
      userHandle: text(userHandle),
    },
  };
};

const leave = (answer) => {
  if (answer.ok) location.replace(answer.body.redirect_to);
  else say(answer.body.code === "passkey_refused" ? "failed" : "refused");
};

const main = async () => {
  const opened = await post("/oauth/authorizations", {
    client_id: asked.get("client_id"),
    request_uri: asked.get("request_uri"),
  });
  if (!opened.ok) return say("over");
  const { id, shown, options } = opened.body;
  at("wallet").textContent = `${shown.wallet} (${shown.wallet_id})`;
  at("gets").textContent = shown.credentials.split(" ").map((name) => words[name] ?? name).join(", ");
  at("goes").textContent = shown.returns_to;
  at("asking").hidden = false;
  say("ask");
  at("approve").onclick = async () => {
    try {
      leave(await post(`/oauth/authorizations/${id}/approval`, { credential: await assertion(options) }));
    } catch {
      say("failed");
    }
  };
  at("deny").onclick = async () => leave(await post(`/oauth/authorizations/${id}/denial`));
};

main().catch(() => say("over"));
