"""What a stranger makes of a presentation, knowing nothing but the published root: every check by name, and why.

Written from the standards (RFC 9901, SD-JWT VC, Token Status List) and from nobody's issuer: JWS by PyJWT, certificate
paths by cryptography's verifier. If issuer and stranger agree, the standard was followed.
"""

import base64
import hashlib
import json
import time
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import jwt
import msgspec
from cryptography import x509
from cryptography.x509 import verification

from simulators.passkey import Json

_SLACK_S = 60
_AGE_MAX_S = 300
_FIXED = ("iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status")
_ALGORITHMS = ["ES256"]

Outcome = Literal["passed", "failed", "unknown"]
Fetch = Callable[[str], Awaitable[str]]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the verifier asked for: claims as paths, shown to `audience` over `nonce`."""

    vct: str
    issuer: str
    claims: list[list[str]]
    audience: str
    nonce: str


class Checked(msgspec.Struct, frozen=True):
    """One check: what came of it and in which words."""

    name: str
    outcome: Outcome
    says: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """All checks in order. `accepted` only if every one passed; an unknown status is not a good one."""

    accepted: bool
    checks: list[Checked]
    claims: Json


class Failed(Exception):
    """The check fails, and why."""


class Unknown(Exception):
    """The check can't be made now, and why."""


class Shown(NamedTuple):
    """A presentation in parts."""

    signed: str
    disclosures: list[str]
    binding: str
    hashed: str


class _Case:
    """What the checks learn one after the other."""

    def __init__(self, text: str, wanted: Wanted, root: x509.Certificate, fetch: Fetch) -> None:
        self.text = text
        self.wanted = wanted
        self.root = root
        self.fetch = fetch
        self.shown = Shown("", [], "", "")
        self.header: Json = {}
        self.payload: Json = {}
        self.claims: Json = {}
        self.binding: Json = {}

    async def format(self) -> str:
        head, tilde, binding = self.text.rpartition("~")
        _need(tilde, "there is no ~")
        signed, *disclosures = head.split("~")
        self.shown = Shown(signed, disclosures, binding, head + tilde)
        self.header, self.payload = _peek(signed)
        return f"{len(disclosures)} disclosures"

    async def type(self) -> str:
        _need(self.header.get("typ") == "dc+sd-jwt", f"typ is {self.header.get('typ')}")
        _need(self.payload.get("vct") == self.wanted.vct, f"vct is {self.payload.get('vct')}")
        return self.wanted.vct

    async def chain(self) -> str:
        leaf = _path(self.header, self.root)
        return f"{leaf.subject.rfc4514_string()} under the pinned root"

    async def signature(self) -> str:
        _verified(self.shown.signed, _path(self.header, self.root))
        return "ES256 by the key of the certificate"

    async def issuer(self) -> str:
        names = _path(self.header, self.root).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        _need(self.payload.get("iss") == self.wanted.issuer, f"iss is {self.payload.get('iss')}")
        _need(
            self.wanted.issuer in names.get_values_for_type(x509.UniformResourceIdentifier),
            "the certificate speaks for somebody else",
        )
        return self.wanted.issuer

    async def digests(self) -> str:
        self.claims = _opened(self.payload, self.shown.disclosures)
        return "every disclosure is one the issuer signed"

    async def validity(self) -> str:
        ends, starts = _instant(self.payload.get("exp")), _instant(self.payload.get("nbf", 0))
        _need(starts <= time.time() < ends, "outside its dates")
        return f"until {datetime.fromtimestamp(ends, UTC).date()}"

    async def holder_key(self) -> str:
        _need(self.shown.binding, "no key binding")
        key = jwt.PyJWK(_holder(self.payload), "ES256").key
        header, self.binding = _peek(self.shown.binding)
        _need(header.get("typ") == "kb+jwt", f"typ is {header.get('typ')}")
        _verified_by(self.shown.binding, key)
        hashed = _b64(hashlib.sha256(self.shown.hashed.encode()).digest())
        _need(self.binding.get("sd_hash") == hashed, "made for another presentation")
        return "the holder signed this very presentation"

    async def audience(self) -> str:
        _need(self.binding.get("aud") == self.wanted.audience, f"made for {self.binding.get('aud')}")
        return self.wanted.audience

    async def nonce(self) -> str:
        _need(self.binding.get("nonce") == self.wanted.nonce, "an answer to another question")
        return "the one we sent"

    async def freshness(self) -> str:
        age_s = time.time() - _instant(self.binding.get("iat"))
        _need(-_SLACK_S <= age_s <= _AGE_MAX_S, f"made {age_s:.0f} s ago")
        return "made just now"

    async def asked_claims(self) -> str:
        missing = [".".join(path) for path in self.wanted.claims if not _has(self.claims, path)]
        _need(not missing, f"not shown: {', '.join(missing)}")
        return "everything that was asked for"

    async def status(self) -> str:
        reference = self.payload.get("status", {}).get("status_list", {})
        uri, place = reference.get("uri"), reference.get("idx")
        _need(isinstance(uri, str) and isinstance(place, int) and place >= 0, "no status reference")
        # A verifier that fetched any address a credential names could be sent anywhere.
        _need(uri.startswith(self.wanted.issuer + "/"), "the status list is somewhere else")
        value = _entry(await self.fetch(uri), place, uri, self.root)
        _need(value == 0, {1: "revoked", 2: "suspended"}.get(value, f"status {value}"))
        return "valid"


async def verdict(text: str, wanted: Wanted, root: x509.Certificate, fetch: Fetch) -> Verdict:
    """Check `text`; `fetch` gets a status list by its address and raises Unknown where it can't."""
    case = _Case(text, wanted, root, fetch)
    steps = (
        case.format, case.type, case.chain, case.signature, case.issuer, case.digests, case.validity, case.holder_key,
        case.audience, case.nonce, case.freshness, case.asked_claims, case.status,
    )  # fmt: skip
    checks: list[Checked] = []
    for step in steps:
        if any(check.outcome != "passed" for check in checks):
            checks.append(Checked(step.__name__, "unknown", "not reached"))
        else:
            checks.append(await _run(step))
    accepted = all(check.outcome == "passed" for check in checks)
    return Verdict(accepted, checks, _asked(case.claims, wanted) if accepted else {})


async def _run(step: Callable[[], Awaitable[str]]) -> Checked:
    try:
        return Checked(step.__name__, "passed", await step())
    except Unknown as unknown:
        return Checked(step.__name__, "unknown", str(unknown))
    except (Failed, ValueError, TypeError, jwt.PyJWTError, x509.ExtensionNotFound) as failed:
        return Checked(step.__name__, "failed", str(failed) or type(failed).__name__)
    except verification.VerificationError as failed:
        return Checked(step.__name__, "failed", f"no path to the pinned root: {failed}")


def _need(holds: object, otherwise: str) -> None:
    if not holds:
        raise Failed(otherwise)


def _instant(claim: object) -> float:
    if not isinstance(claim, int | float) or isinstance(claim, bool):
        raise Failed("a time is missing")
    return claim


def _peek(token: str) -> tuple[Json, Json]:
    parts = [_unb64(part) for part in token.split(".")]
    _need(len(parts) == 3, "not a JWT")  # noqa: PLR2004  # header, payload, signature
    return _object(parts[0]), _object(parts[1])


def _object(raw: bytes) -> Json:
    found = json.loads(raw, object_pairs_hook=_once)
    _need(isinstance(found, dict), "not an object")
    return dict(found)


def _once(pairs: list[tuple[str, Any]]) -> Json:
    _need(len(dict(pairs)) == len(pairs), "a key is given twice")
    return dict(pairs)


def _path(header: Json, root: x509.Certificate) -> x509.Certificate:
    """Follow the certificates of a token to the root; answer the first."""
    leaf, *between = [x509.load_der_x509_certificate(base64.b64decode(each)) for each in header.get("x5c") or [""]]
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store([root]))
        .time(datetime.now(UTC))
        .extension_policies(
            ca_policy=verification.ExtensionPolicy.webpki_defaults_ca(),
            ee_policy=verification.ExtensionPolicy.permit_all(),
        )
    )
    policy.build_client_verifier().verify(leaf, between)
    _need(leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature, "may not sign")
    return leaf


def _verified(token: str, leaf: x509.Certificate) -> None:
    _verified_by(token, leaf.public_key())


def _verified_by(token: str, key: Any) -> None:  # noqa: ANN401  # PyJWT takes keys of many types
    jwt.PyJWS(algorithms=_ALGORITHMS).decode(token, key, algorithms=_ALGORITHMS)


def _holder(payload: Json) -> Json:
    key = payload.get("cnf", {}).get("jwk")
    _need(isinstance(key, dict) and "d" not in key, "no holder key")
    return dict(key)


def _opened(payload: Json, disclosures: list[str]) -> Json:
    """Put the disclosures where their digests are (RFC 9901 section 7.1)."""
    _need(payload.get("_sd_alg", "sha-256") == "sha-256", "unknown hash")
    unplaced: dict[str, list[Any]] = {}
    for text in disclosures:
        content = json.loads(_unb64(text), object_pairs_hook=_once)
        _need(isinstance(content, list) and len(content) in {2, 3}, "a disclosure of odd shape")
        unplaced[_b64(hashlib.sha256(text.encode()).digest())] = content
    _need(len(unplaced) == len(disclosures), "a disclosure twice")
    seen: list[str] = []
    claims: Json = _walk({name: value for name, value in payload.items() if name != "_sd_alg"}, unplaced, seen)
    _need(not unplaced, "a disclosure the issuer never signed")
    _need(len(set(seen)) == len(seen), "a digest twice")
    _need(all(claims.get(name) == payload.get(name) for name in _FIXED), "discloses what must always be shown")
    return claims


def _walk(node: Any, unplaced: dict[str, list[Any]], seen: list[str]) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(node, list):
        return [value for item in node for value in _element(item, unplaced, seen)]
    if not isinstance(node, dict):
        return node
    shown = {name: _walk(value, unplaced, seen) for name, value in node.items() if name != "_sd"}
    for digest in node.get("_sd", []):
        seen.append(digest)
        if (content := unplaced.pop(digest, None)) is not None:
            _need(len(content) == 3, "an array element among claims")  # noqa: PLR2004  # salt, name, value
            _, name, value = content
            _need(isinstance(name, str) and name not in {"_sd", "...", *shown}, f"a claim called {name}")
            shown[name] = _walk(value, unplaced, seen)
    return shown


def _element(item: Any, unplaced: dict[str, list[Any]], seen: list[str]) -> list[Any]:  # noqa: ANN401  # any JSON
    if not (isinstance(item, dict) and set(item) == {"..."}):
        return [_walk(item, unplaced, seen)]
    seen.append(item["..."])
    content = unplaced.pop(item["..."], None)
    if content is None:
        return []
    _need(len(content) == 2, "a claim among array elements")  # noqa: PLR2004  # salt, value
    return [_walk(content[1], unplaced, seen)]


def _entry(token: str, place: int, uri: str, root: x509.Certificate) -> int:
    """Read one entry of a signed status list (draft-ietf-oauth-status-list section 8.3)."""
    header, payload = _peek(token)
    _need(header.get("typ") == "statuslist+jwt", "not a status list")
    _verified(token, _path(header, root))
    _need(payload.get("sub") == uri, "another status list")
    if time.time() >= payload.get("exp", 0):
        raise Unknown("the status list has expired")
    bits = payload["status_list"]["bits"]
    _need(bits in {1, 2, 4, 8}, "odd width")
    entries = zlib.decompress(_unb64(payload["status_list"]["lst"]))
    _need(place < len(entries) * 8 // bits, "beyond the end of the status list")
    start = place * bits
    return int(entries[start // 8] >> (start % 8)) % int(1 << bits)


def _has(claims: Json, path: list[str]) -> bool:
    node: Any = claims
    for name in path:
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True


def _asked(claims: Json, wanted: Wanted) -> Json:
    """Keep what was asked for; a verifier that stores more than that has to explain why."""
    return {path[0]: claims[path[0]] for path in wanted.claims}


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    _need(_b64(raw) == text, "not canonical base64url")
    return raw
