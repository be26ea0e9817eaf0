"""Disclosures of RFC 9901: a claim is replaced by the digest of `[salt, name, value]`, and the holder keeps the text.

A tree of claims marks with `Sd` what the holder may keep to himself; marks may be nested.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from residency.credential import jws
from residency.credential.check import Check, NotVerified, require

HASH = "sha-256"
#: Of base64url, six bits in each: 132, where RFC 9901 section 9.3 recommends 128.
SALT_CHARACTERS = 22
RESERVED = frozenset({"_sd", "..."})
_DEPTH_MAX = 32
#: What JSON is made of that can hold a digest.
_NESTS = frozenset({dict, list})
#: 32 salts, no character left over.
_BLOCK_BYTES = 32 * SALT_CHARACTERS * 6 // 8

Salt = Callable[[], str]


class Sd(msgspec.Struct, frozen=True):
    """A claim, or an element of an array, that is shown only when the holder discloses it."""

    value: object


class _Absent(msgspec.Struct, frozen=True):
    """A claim that is not there, though a digest stands for it: a decoy (RFC 9901 section 4.2.5)."""


ABSENT = _Absent()


def fresh_salts() -> Salt:
    """Give what draws salts: pieces of one long random text, since a text is cheaper to cut than to encode."""
    text = ""

    def draw() -> str:
        nonlocal text
        if not text:
            text = jws.b64(secrets.token_bytes(_BLOCK_BYTES))
        drawn, text = text[:SALT_CHARACTERS], text[SALT_CHARACTERS:]
        return drawn

    return draw


def digest(disclosure: str) -> str:
    """Hash a disclosure as it travels: over its base64url text, not over what it says."""
    return jws.b64(hashlib.sha256(disclosure.encode("ascii")).digest())


def conceal(claims: Mapping[str, object], *, salt: Salt | None = None, decoys: int = 0) -> tuple[jws.Json, list[str]]:
    """Replace what is marked by digests; answer the payload and the disclosures, outer before inner.

    Digests are sorted, so their order tells nothing. `decoys` are digests of nothing, added at the top level.
    """
    disclosures: list[str] = []
    salt = salt or fresh_salts()
    payload = _object(claims, salt, disclosures)
    if decoys:
        payload["_sd"] = sorted([*payload.get("_sd", []), *(digest(salt()) for _ in range(decoys))])
    if disclosures or decoys:
        payload["_sd_alg"] = HASH
    return payload, disclosures


def _object(claims: Mapping[str, object], salt: Salt, disclosures: list[str]) -> jws.Json:
    shown: jws.Json = {}
    hidden: list[str] = []
    for name, value in claims.items():
        assert name not in RESERVED, "RFC 9901 keeps _sd and ... for itself"
        if isinstance(value, Sd):
            hidden.append(_hide([salt(), name], value, salt, disclosures))
        elif value is ABSENT:
            hidden.append(digest(salt()))
        else:
            shown[name] = _value(value, salt, disclosures)
    if hidden:
        shown["_sd"] = sorted(hidden)
    return shown


def _array(values: list[object], salt: Salt, disclosures: list[str]) -> list[Any]:
    return [
        {"...": _hide([salt()], value, salt, disclosures)}
        if isinstance(value, Sd)
        else _value(value, salt, disclosures)
        for value in values
    ]


def _value(value: object, salt: Salt, disclosures: list[str]) -> Any:  # noqa: ANN401  JSON is anything
    if isinstance(value, dict):
        return _object(value, salt, disclosures)
    return _array(value, salt, disclosures) if isinstance(value, list) else value


def _hide(head: list[str], marked: Sd, salt: Salt, disclosures: list[str]) -> str:
    place = len(disclosures)
    inner = _value(marked.value, salt, disclosures)
    disclosure = jws.b64(msgspec.json.encode([*head, inner]))
    disclosures.insert(place, disclosure)
    return digest(disclosure)


class Revealed(msgspec.Struct, frozen=True):
    """A payload with its disclosed claims put back, and where each of them went."""

    claims: jws.Json
    paths: tuple[tuple[str | int, ...], ...]


def reveal(payload: jws.Json, disclosures: list[str]) -> Revealed:
    """Put `disclosures` back into `payload` (RFC 9901 section 7.1, step 3); raises NotVerified."""
    require(payload.get("_sd_alg", HASH) == HASH, Check.DISCLOSURES, "unknown_hash")
    waiting = {digest(text): text for text in disclosures}
    require(len(waiting) == len(disclosures), Check.DISCLOSURES, "disclosure_twice")
    reader = _Reader(waiting)
    claims = reader.read({name: value for name, value in payload.items() if name != "_sd_alg"}, ())
    require(not reader.waiting, Check.DISCLOSURES, "unreferenced_disclosure")
    return Revealed(claims, tuple(reader.paths))


class _Reader:
    """One pass over a payload: which disclosures still wait for their digest, which digests were met."""

    def __init__(self, waiting: dict[str, str]) -> None:
        self.waiting = waiting
        self.paths: list[tuple[str | int, ...]] = []
        self._met: set[str] = set()

    def read(self, given: jws.Json, path: tuple[str | int, ...]) -> jws.Json:
        require(len(path) <= _DEPTH_MAX, Check.DISCLOSURES, "nested_too_deeply")
        require("..." not in given, Check.DISCLOSURES, "reserved_name")
        shown = {
            name: self._value(value, (*path, name)) if type(value) in _NESTS else value
            for name, value in given.items()
            if name != "_sd"
        }
        for text in self._digests(given):
            opened = self._open(text, items=3)
            if opened is None:
                continue
            _, name, value = opened
            if not isinstance(name, str) or name in RESERVED:
                raise NotVerified(Check.DISCLOSURES, "reserved_name")
            if name in shown:
                raise NotVerified(Check.DISCLOSURES, "claim_twice")
            here = (*path, name)
            self.paths.append(here)
            shown[name] = self._value(value, here) if type(value) in _NESTS else value
        return shown

    def _array(self, given: list[Any], path: tuple[str | int, ...]) -> list[Any]:
        require(len(path) <= _DEPTH_MAX, Check.DISCLOSURES, "nested_too_deeply")
        shown = []
        for place, value in enumerate(given):
            here = (*path, place)
            if not (isinstance(value, dict) and value.keys() == {"..."}):
                shown.append(self._value(value, here))
            elif (opened := self._open(value["..."], items=2)) is not None:
                self.paths.append(here)
                shown.append(self._value(opened[1], here))
        return shown

    def _value(self, value: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401  JSON is anything
        if isinstance(value, dict):
            return self.read(value, path)
        return self._array(value, path) if isinstance(value, list) else value

    def _digests(self, given: jws.Json) -> list[Any]:
        found = given.get("_sd", [])
        require(isinstance(found, list), Check.DISCLOSURES, "malformed_digest")
        return found if isinstance(found, list) else []

    def _open(self, text: object, *, items: int) -> list[Any] | None:
        """Find the disclosure of a digest: a list of `items`, or None for what the holder keeps (and for decoys)."""
        if not isinstance(text, str):
            raise NotVerified(Check.DISCLOSURES, "malformed_digest")
        if text in self._met:
            raise NotVerified(Check.DISCLOSURES, "digest_twice")
        self._met.add(text)
        disclosure = self.waiting.pop(text, None)
        if disclosure is None:
            return None
        try:
            opened = jws.read_json(jws.unb64(disclosure))
        except jws.Unreadable as error:
            raise NotVerified(Check.DISCLOSURES, "unreadable_disclosure") from error
        if not isinstance(opened, list) or len(opened) != items or not isinstance(opened[0], str):
            raise NotVerified(Check.DISCLOSURES, "wrong_arity")
        return opened
