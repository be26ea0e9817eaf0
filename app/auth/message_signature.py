"""Signed HTTP messages (RFC 9421, RFC 9530): who sent a request or answered it, and every part of it that acts.

    request   "@method" "@target-uri" "@authority", with a body "content-digest" "content-type", and "idempotency-key"
    answer    "@status" "content-digest" "content-type", and what it answers: "@method";req "@target-uri";req and, where
              that was signed, "signature";req;key="sig"

One label, one tag, Ed25519 or ECDSA P-256; made within the last minute; a `nonce` makes a request good once (the caller
spends it). Reading is strict where laxness would give one message two forms: what is signed is the text that came, so
it must be the one a serialiser writes. That also makes it quick: a swipe of a card can't wait for a general parser.

proves   app/partners/caller.py          partners' requests
signs    app/partners/json_bank.py       our requests to banks, and believes their answers
signs    app/http/signed.py              our answers
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlsplit

import msgspec

from app.auth import jose
from proof.signer import Alg, Signer

LABEL = "sig"
TAG = "eresidency"
#: A message is made for the moment; our clock and its maker's may differ by a little.
OLD_MAX_S = 60
AHEAD_MAX_S = 10

_ALGORITHMS = {Alg.EDDSA: "ed25519", Alg.ES256: "ecdsa-p256-sha256"}
_PORTS = {"http": 80, "https": 443}
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}

_TEXT = r'"[ !#-\[\]-~]{0,256}"'
_COMPONENT = r'"@?[a-z-]{1,32}"(?:;req)?(?:;key="sig")?'
_INPUT = re.compile(
    rf"{LABEL}=(?P<params>\((?P<components>{_COMPONENT}(?: {_COMPONENT}){{0,15}})\)"
    rf"(?P<said>(?:;[a-z]{{1,16}}=(?:{_TEXT}|[0-9]{{1,15}})){{1,8}}))",
    re.ASCII,
)
_SAID = re.compile(rf";([a-z]{{1,16}})=({_TEXT}|[0-9]{{1,15}})", re.ASCII)
_SIGNATURE = re.compile(rf"{LABEL}=:([A-Za-z0-9+/]{{86}}==):", re.ASCII)
_DIGEST = re.compile(r"(sha-256|sha-512)=:([A-Za-z0-9+/]+={0,2}):", re.ASCII)
_NONCE = re.compile(r"[!#-\[\]-~]{16,128}", re.ASCII)
_REQUIRED, _ALLOWED = {"created", "keyid", "nonce", "tag"}, {"created", "keyid", "nonce", "tag", "alg", "expires"}


class BadSignature(Exception):
    """The message does not prove who made it. `reason` is for the log; a stranger learns only that it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Request(msgspec.Struct, frozen=True):
    """A request as its parts are signed. `fields` has every header line in order, names in lower case."""

    method: str
    url: str
    fields: Sequence[tuple[str, str]]

    def component(self, name: str) -> str:
        """Give the value of a component; raises BadSignature."""
        match name:
            case "@method":
                return self.method
            case "@target-uri":
                return self.url
            case "@authority":
                return _authority(self.url)
        return one(self.fields, name)


class Answer(msgspec.Struct, frozen=True):
    """An answer as its parts are signed, with the request it answers."""

    status: int
    fields: Sequence[tuple[str, str]]
    to: Request

    def component(self, name: str) -> str:
        """Give the value of a component; raises BadSignature."""
        if name == '"signature";req;key="sig"':
            return f":{_signature(self.to.fields)}:"
        if name.endswith(";req"):
            return self.to.component(name.removesuffix(";req").strip('"'))
        return str(self.status) if name == "@status" else one(self.fields, name)


class Signed(msgspec.Struct, frozen=True):
    """A signature that was read and is fresh, not yet believed: whose key is asked for next."""

    keyid: str
    nonce: str
    created: int
    alg: str | None
    base: bytes
    signature: bytes

    def believe(self, keys: Mapping[str, jose.Key]) -> None:
        """Check the signature by the key of its name; raises BadSignature."""
        if (key := keys.get(self.keyid)) is None:
            raise BadSignature("keyid names no key that is believed now")
        if self.alg not in {None, _ALGORITHMS[Alg(key.algorithm)]}:
            raise BadSignature("alg is not that of the key")
        try:
            key.verify(self.signature, self.base)
        except jose.Unreadable as error:
            raise BadSignature(error.reason) from None


def read_request(request: Request, body: bytes, now: datetime) -> Signed:
    """Read the signature of a request that must cover all that acts; raises BadSignature."""
    needed = ["@method", "@target-uri", "@authority"]
    names = {name for name, _ in request.fields}
    if body or request.method in {"POST", "PUT", "PATCH"}:
        needed += ["content-digest", "content-type"]
    if "idempotency-key" in names:
        needed.append("idempotency-key")
    found = _read(request, needed, now)
    if "content-digest" in names:
        _check_digest(request.fields, body)
    return found


def read_answer(answer: Answer, body: bytes | None, now: datetime) -> Signed:
    """Read the signature of an answer to a request of ours, which was signed; raises BadSignature.

    `body` is None where it was not read, because nothing will be made of it.
    """
    found = _read(answer, _answered(answer), now)
    if body is not None:
        _check_digest(answer.fields, body)
    return found


def sign_request(
    signer: Signer, method: str, url: str, *, headers: Mapping[str, str], body: bytes, now: datetime
) -> dict[str, str]:
    """Sign a request: gives `headers` with what proves them. `url` is exactly what is asked."""
    sent = dict(headers)
    components = ["@method", "@target-uri", "@authority"]
    if body:
        sent["Content-Digest"] = digest(body)
        components += ["content-digest", "content-type"]
    fields = [(name.lower(), value) for name, value in sent.items()]
    if any(name == "idempotency-key" for name, _ in fields):
        components.append("idempotency-key")
    return sent | _sign(signer, Request(method, url, fields), components, now)


def sign_answer(signer: Signer, answer: Answer, body: bytes, now: datetime) -> dict[str, str]:
    """Sign an answer: gives the fields to add, for the request it answers and no other."""
    added = {"Content-Digest": digest(body)}
    told = Answer(answer.status, [*answer.fields, ("content-digest", added["Content-Digest"])], answer.to)
    return added | _sign(signer, told, _answered(told), now)


def digest(body: bytes) -> str:
    """Write the Content-Digest of a body (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def one(fields: Sequence[tuple[str, str]], name: str) -> str:
    """Give the value of a field that must stand there once; raises BadSignature."""
    values = [value for field, value in fields if field == name]
    if len(values) != 1:
        raise BadSignature(f"{name} stands there {len(values)} times")
    value = values[0].strip(" \t")
    if not value.isascii() or not value.isprintable():
        raise BadSignature(f"{name} holds characters that are not signed")
    return value


def _answered(answer: Answer) -> list[str]:
    components = ["@status", "content-digest"]
    components += ["content-type"] if any(name == "content-type" for name, _ in answer.fields) else []
    components += ['"@method";req', '"@target-uri";req']
    signed = any(name == "signature" for name, _ in answer.to.fields)
    return [*components, '"signature";req;key="sig"'] if signed else components


def _read(message: Request | Answer, needed: Sequence[str], now: datetime) -> Signed:
    read = _INPUT.fullmatch(one(message.fields, "signature-input"))
    if read is None:
        raise BadSignature("signature-input is not of this profile")
    components = [_bare(each) for each in read["components"].split(" ")]
    if len(set(components)) != len(components) or not set(needed) <= set(components):
        raise BadSignature("signature does not cover all that acts")
    said = _said(read["said"])
    _check_time(said, now.timestamp())
    signature = base64.b64decode(_signature(message.fields))
    base = _base(message, components, read["params"])
    keyid, nonce, alg = str(said["keyid"]), str(said["nonce"]), said.get("alg")
    return Signed(keyid, nonce, int(said["created"]), None if alg is None else str(alg), base, signature)


def _bare(component: str) -> str:
    return component[1:-1] if component.count('"') == 2 and component[-1] == '"' else component  # noqa: PLR2004  its quotes


def _said(text: str) -> dict[str, str | int]:
    pairs = [(name, value[1:-1] if value[0] == '"' else int(value)) for name, value in _SAID.findall(text)]
    said: dict[str, str | int] = dict(pairs)
    if len(said) != len(pairs) or not _REQUIRED <= said.keys() <= _ALLOWED:
        raise BadSignature("parameters are missing, repeated or unknown")
    if any(isinstance(value, int) != (name in {"created", "expires"}) for name, value in pairs):
        raise BadSignature("a parameter is of another type")
    if said["tag"] != TAG or not _NONCE.fullmatch(str(said["nonce"])):
        raise BadSignature("made for something else, or without a nonce")
    return said


def _check_time(said: Mapping[str, str | int], now_s: float) -> None:
    if not now_s - OLD_MAX_S <= int(said["created"]) <= now_s + AHEAD_MAX_S:
        raise BadSignature("created is not now")
    if int(said.get("expires", said["created"])) < int(said["created"]) or int(said.get("expires", now_s + 1)) <= now_s:
        raise BadSignature("expired")


def _check_digest(fields: Sequence[tuple[str, str]], body: bytes) -> None:
    found = _DIGEST.fullmatch(one(fields, "content-digest"))
    if found is None:
        raise BadSignature("content-digest is not one of sha-256 or sha-512")
    try:
        told = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        raise BadSignature("content-digest can't be read") from None
    if not hmac.compare_digest(told, _HASHES[found[1]](body).digest()):
        raise BadSignature("content-digest is that of another body")


def _signature(fields: Sequence[tuple[str, str]]) -> str:
    found = _SIGNATURE.fullmatch(one(fields, "signature"))
    # One spelling: the bits after the last byte are zero.
    if found is None or base64.b64encode(base64.b64decode(found[1])).decode() != found[1]:
        raise BadSignature("signature is not of this profile")
    return found[1]


def _base(message: Request | Answer, components: Sequence[str], params: str) -> bytes:
    lines = [f"{_quoted(name)}: {message.component(name)}" for name in components]
    return "\n".join([*lines, f'"@signature-params": {params}']).encode("ascii", "surrogateescape")


def _quoted(name: str) -> str:
    return name if name.startswith('"') else f'"{name}"'


def _sign(signer: Signer, message: Request | Answer, components: Sequence[str], now: datetime) -> dict[str, str]:
    said = f';created={int(now.timestamp())};keyid="{signer.kid}";alg="{_ALGORITHMS[signer.alg]}"'
    nonce = secrets.token_urlsafe(18)
    params = f'({" ".join(map(_quoted, components))}){said};nonce="{nonce}";tag="{TAG}"'
    signature = base64.b64encode(signer.sign(_base(message, components, params))).decode()
    return {"Signature-Input": f"{LABEL}={params}", "Signature": f"{LABEL}=:{signature}:"}


def _authority(url: str) -> str:
    parts = urlsplit(url)
    port = None if parts.port == _PORTS.get(parts.scheme) else parts.port
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{port}" if port else str(host)
