r"""The one place where bytes of our own operations become values, and where what is odd about them is refused.

msgspec alone lets a later duplicate key win, passes `\u0000` (which PostgreSQL text can't hold) and, through Litestar,
takes `"5"` for 5. Here the body is read once for its shape, and what was read is taken strictly for the handler's type.

What is refused here for its shape, app/openapi_strict.py says in the contract.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.types import Empty, Scope

NUMBER_MIN, NUMBER_MAX = -(2**63), 2**63 - 1
_DIGITS_MAX = 20
_DEPTH_MAX = 32
#: What carries the body of an operation encrypted to us, where it can be.
ENCRYPTED = "application/jwt"
#: Far more than any operation reads: a bulk of a thousand transfers has six thousand.
_VALUES_MAX = 50_000


class Malformed(Exception):
    """The body is not what the operation reads: `pointer` (RFC 6901) says where, `reason` what."""

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(f"{pointer or '/'}: {reason}")
        self.reason = reason
        self.pointer = pointer


class CutShort(Exception):
    """The sender left before its body was whole."""


class NotJson(Exception):
    """The operation reads application/json and was sent something else."""

    def __init__(self, content_type: str) -> None:
        super().__init__(content_type)
        self.content_type = content_type


def decode(raw: bytes, kind: type[Any]) -> Any:  # noqa: ANN401  the type is the argument
    """Read `raw` strictly as `kind`; raises Malformed."""
    return take(shaped(raw), kind)


def take(value: object, kind: type[Any]) -> Any:  # noqa: ANN401  the type is the argument
    """Take what `shaped` read strictly as `kind`; raises Malformed."""
    try:
        return msgspec.convert(value, kind, strict=True, str_keys=True)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `")
        # Told without the value, which may be personal: `Invalid enum value 'Anna'`.
        raise Malformed(reason.partition(" '")[0], _pointer(path.rstrip("`"))) from error


def shaped(raw: bytes) -> object:
    """Read a body as plain values, refusing what is odd about it; raises Malformed."""
    # Counted before anything is built of it: a megabyte of commas would become a hundred of objects.
    if len(raw) > _VALUES_MAX and raw.count(b",") + raw.count(b"[") + raw.count(b"{") > _VALUES_MAX:
        raise Malformed("holds too many values")
    value = _plain(raw)
    return carefully(raw) if value is _ODD else value


_ODD = object()


def _plain(raw: bytes) -> object:
    """Read a body nothing can be odd about, which nearly all are, five times as fast; else answer `_ODD`.

    Every key is followed by a colon of its own, so where there are no more colons than keys were read, no key came
    twice. Without escapes of code points text holds nothing that can't be stored.
    """
    if b"\\u" in raw or b"\\U" in raw:
        return _ODD
    try:
        value: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _ODD
    keys = 0
    level: list[Any] = [value]
    for _ in range(_DEPTH_MAX):
        inside: list[Any] = []
        for each in level:
            kind = type(each)
            if kind is dict:
                keys += len(each)
                inside.extend(each.values())
            elif kind is list:
                inside.extend(each)
            elif kind is float or (kind is int and not NUMBER_MIN <= each <= NUMBER_MAX):
                return _ODD
        if not inside:
            return value if raw.count(b":") == keys else _ODD
        level = inside
    return _ODD


def carefully(raw: bytes) -> object:
    """Read a body that may be odd, finding out what is; raises Malformed."""
    try:
        value = _READER.decode(raw.decode())
    except RecursionError as error:
        raise Malformed("nested too deeply") from error
    except ValueError as error:
        raise Malformed(str(error)) from error
    _check_depth(value)
    if b"\\u0000" in raw or b"\\ud" in raw.lower():
        _check_text(value)
    return value


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Malformed(f"key `{key}` given twice")
        found[key] = value
    return found


def _int(digits: str) -> int:
    if len(digits) > _DIGITS_MAX or not NUMBER_MIN <= (number := int(digits)) <= NUMBER_MAX:
        raise Malformed("number beyond 64 bits")
    return number


def _float(digits: str) -> float:
    """Read a number with a fraction or an exponent; to JSON Schema 5.0 is an integer, so it is one here."""
    whole, _, fraction = digits.partition(".")
    if fraction and not fraction.strip("0"):
        return _int(whole)
    if not NUMBER_MIN <= (number := float(digits)) <= NUMBER_MAX:
        raise Malformed("number beyond 64 bits")
    return number


def _constant(name: str) -> float:
    raise Malformed(f"{name} is not JSON")


#: Made once: `json.loads` with hooks makes a reader for each body.
_READER = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_int, parse_float=_float, parse_constant=_constant)


def _check_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(_DEPTH_MAX):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return
    raise Malformed("nested too deeply")


def _check_text(value: object) -> None:
    waiting: list[object] = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, str) and any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in inner):
            raise Malformed("text holds a character that can't be stored")
        if isinstance(inner, dict):
            waiting.extend(inner)
        waiting.extend(_children(inner))


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _pointer(path: str) -> str:
    """Turn msgspec's `$.amounts[0].minor` into RFC 6901's `/amounts/0/minor`."""
    return path.removeprefix("$").replace("[", "/").replace("]", "").replace(".", "/")


def header(scope: Scope, name: bytes) -> str | None:
    """Find one header of a request, without reading the others."""
    return next((value.decode("latin-1") for said, value in scope["headers"] if said == name), None)


class StrictRequest(Request[Any, Any, State]):
    """A request whose JSON body is decoded strictly into the type of the handler's `data`.

    `values` are what was read of it, before any type.
    """

    values: object = Empty

    async def json(self) -> Any:  # noqa: ANN401  Litestar's signature
        """Decode the body once; raises Malformed, NotJson."""
        if self._json is Empty:
            content_type = header(self.scope, b"content-type") or ""
            kind = content_type.partition(";")[0].strip().lower()
            opens = self.route_handler.opt.get("opens") if kind == ENCRYPTED else None
            if opens is None and kind != "application/json":
                raise NotJson(content_type)
            body = await self.body()
            if opens is not None:  # the JSON lies in an envelope that the route can open
                body = opens(self.app.state.house, body)
            field = self.route_handler.parsed_data_field
            assert field is not None, "only handlers with `data` read JSON"
            self.values = shaped(body)
            self._json = take(self.values, field.annotation)
        return self._json

    @property
    def content_length(self) -> int | None:
        """Say how much was announced; that it is a number, the server has seen to."""
        announced = header(self.scope, b"content-length")
        return None if announced is None else int(announced)
