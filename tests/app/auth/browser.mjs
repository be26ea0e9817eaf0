// As much of a browser as the page of the authorisation server needs: it fetches the page, runs its script where the
// policy lets it, holds a passkey, and presses one button of the page, or loads it again. Reads what to do as JSON from standard input; writes what
// the person saw and where the script went.
import { createHash, createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";

const { base, query, press, origin, passkey } = JSON.parse(readFileSync(0, "utf8"));
const url = (raw) => Buffer.from(raw).toString("base64url");
const sha256 = (raw) => createHash("sha256").update(raw).digest();
const buffer = (raw) => new Uint8Array(raw).buffer;

const answer = await fetch(`${base}/oauth/authorize?${query}`);
const html = await answer.text();
const [, script] = html.match(/<script>(.*)<\/script>/s);
if (!answer.headers.get("content-security-policy").includes(`script-src 'sha256-${sha256(script).toString("base64")}'`))
  throw new Error("the policy does not let the script run");

const elements = {};
for (const [, id] of html.matchAll(/ id="([a-z]+)"/g)) elements[id] = { textContent: "", hidden: id === "asking" };
elements.words.textContent = html.match(/id="words">(.*?)<\/script>/s)[1];

const went = {};
const calls = [];
const sandbox = {
  URLSearchParams, atob, btoa,
  document: { getElementById: (id) => elements[id] },
  location: { search: `?${query}`, replace: (address) => { went.to = address; } },
  fetch: (path, sent) => {
    calls.push(fetch(base + path, sent));
    return calls.at(-1);
  },
  navigator: {
    credentials: {
      get: async ({ publicKey: asked }) => {
        if (passkey === null) throw new Error("NotAllowedError: the person declined");
        const said = { type: "webauthn.get", challenge: url(asked.challenge), origin, crossOrigin: false };
        const clientData = Buffer.from(JSON.stringify(said));
        const data = Buffer.concat([sha256(asked.rpId), Buffer.from([0x1d, 0, 0, 0, passkey.uses])]);
        const signature = createSign("SHA256").update(Buffer.concat([data, sha256(clientData)])).sign(passkey.key);
        return {
          id: passkey.id,
          rawId: buffer(Buffer.from(passkey.id, "base64url")),
          type: "public-key",
          response: {
            clientDataJSON: buffer(clientData),
            authenticatorData: buffer(data),
            signature: buffer(signature),
            userHandle: buffer(Buffer.from(passkey.user, "base64url")),
          },
        };
      },
    },
  },
};
const run = async () => {
  elements.asking.hidden = true;
  runInNewContext(script, { ...sandbox });
  await Promise.allSettled(calls);
  await new Promise((later) => setTimeout(later, 20));
  return !elements.asking.hidden;
};
const asks = (await run()) && (press !== "reload" || (await run()));
if (asks) await elements[press].onclick();
const shown = Object.fromEntries(["said", "wallet", "gets", "goes"].map((id) => [id, elements[id].textContent]));
process.stdout.write(JSON.stringify({ asks, shown, to: went.to ?? null }));
