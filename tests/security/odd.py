"""Bodies that are not what an operation reads, made of one that is."""

import gzip
import json
from collections.abc import Callable
from typing import Any

Spoil = Callable[[bytes], bytes]
Place = tuple[str | int, ...]

_DEEP = 100_000
_MANY = 60_000


def _with(pair: bytes) -> Spoil:
    """Add a field to the object, before all others."""
    return lambda body: b"{" + pair + (b"," if body[1:].strip() != b"}" else b"") + body[1:]


def _twice(body: bytes) -> bytes:
    """Say the first field again, otherwise; an object without any says one twice."""
    fields = json.loads(body) or {"a": 1}
    again = json.dumps({next(iter(fields)): None}).encode()
    return again[:-1] + b"," + json.dumps(fields).encode()[1:]


def _text(inside: bytes) -> Spoil:
    """Put something into a text."""
    return _with(b'"unheard_of": "' + inside + b'"')


#: What is odd, by name. Each is refused whatever the operation is.
BODIES: dict[str, Spoil] = {
    "a field twice": _twice,
    "a field nobody knows": _with(b'"unheard_of": 1'),
    "a field of JavaScript": _with(b'"__proto__": {"role": "officer"}'),
    "a field without a name": _with(b'"": 1'),
    "NaN": _with(b'"unheard_of": NaN'),
    "Infinity": _with(b'"unheard_of": Infinity'),
    "-Infinity": _with(b'"unheard_of": -Infinity'),
    "1e400": _with(b'"unheard_of": 1e400'),
    "-1e400": _with(b'"unheard_of": -1e400'),
    "an integer of 65 bits": _with(b'"unheard_of": 18446744073709551616'),
    "an integer of 5000 digits": _with(b'"unheard_of": ' + b"9" * 5000),
    "a number in hexadecimal": _with(b'"unheard_of": 0x10'),
    "a number that begins with zero": _with(b'"unheard_of": 01'),
    "a number with a plus": _with(b'"unheard_of": +1'),
    "a number that ends with its point": _with(b'"unheard_of": 1.'),
    "half a pair of surrogates": _text(b"\\ud800"),
    "the other half": _text(b"\\udc00"),
    "surrogates the wrong way round": _text(b"\\udc00\\ud800"),
    "a surrogate in bytes": _text(b"\xed\xa0\x80"),
    "half a pair in a name": _with(b'"\\ud800": 1'),
    "NUL, escaped": _text(b"\\u0000"),
    "NUL, as it is": _text(b"\x00"),
    "NUL behind the end": lambda body: body + b"\x00",
    "a line break in a text": _text(b"\n"),
    "an escape of no standard": _text(b"\\x41"),
    "a byte that is no UTF-8": _text(b"\xff"),
    "UTF-8 that is longer than it must be": _text(b"\xc0\xaf"),
    "UTF-8 cut short": _text(b"\xe2\x82"),
    "Latin-1": _text("é".encode("latin-1")),
    "a byte order mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16": lambda body: body.decode().encode("utf-16"),
    "UTF-16 without a mark": lambda body: body.decode().encode("utf-16-le"),
    "UTF-32": lambda body: body.decode().encode("utf-32"),
    "lists in lists": lambda _: b"[" * _DEEP + b"]" * _DEEP,
    "objects in objects": lambda _: b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    "lists that never end": lambda _: b"[" * _DEEP,
    "a deep field": _with(b'"unheard_of": ' + b"[" * 40 + b"]" * 40),
    "too many values": lambda _: b"[" + b"0," * _MANY + b"0]",
    "too many fields": lambda _: json.dumps(dict.fromkeys(map(str, range(_MANY)))).encode(),
    "nothing": lambda _: b"",
    "white space": lambda _: b" \r\n\t",
    "null": lambda _: b"null",
    "true": lambda _: b"true",
    "a number": lambda _: b"1",
    "a text": lambda _: b'"text"',
    "an empty list": lambda _: b"[]",
    "a list of it": lambda body: b"[" + body + b"]",
    "its text": lambda body: json.dumps(body.decode()).encode(),
    "two of it": lambda body: body + body,
    "lines of it": lambda body: body + b"\n" + body,
    "more behind it": lambda body: body + b"x",
    "a comma too many": lambda body: body[:-1] + b",}",
    "no end": lambda body: body[:-1],
    "a comment before": lambda body: b"/* a */" + body,
    "a comment behind": lambda body: body + b"// a",
    "single quotes": lambda _: b"{'a': 1}",
    "names without quotes": lambda _: b"{a: 1}",
    "a callback": lambda body: b"call(" + body + b")",
    "a guard against scripts": lambda body: b")]}',\n" + body,
    "gzip": gzip.compress,
    "a page": lambda _: b"<html></html>",
    "XML": lambda _: b'<?xml version="1.0"?><a/>',
    "a form": lambda _: b"a=1&b=2",
}

#: XML as it attacks who reads it. Nothing here does.
XML: dict[str, bytes] = {
    "an entity of a file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "an entity of a network": b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://169.254.169.254/">]><a>&x;</a>',
    "an entity of a parameter": b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd"> %x;]><a/>',
    "a document type elsewhere": b'<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>',
    "a billion laughs": b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;"><!ENTITY d "&c;&c;&c;">]><a>&d;</a>',
    "one entity, often": b'<!DOCTYPE a [<!ENTITY b "' + b"a" * 50_000 + b'">]><a>' + b"&b;" * 1_000 + b"</a>",
    "an entity of itself": b'<!DOCTYPE a [<!ENTITY b "&c;"><!ENTITY c "&b;">]><a>&b;</a>',
    "elements in elements": b"<a>" * 50_000 + b"</a>" * 50_000,
    "an inclusion": b'<a xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd"/></a>',
    "a style sheet": b'<?xml-stylesheet href="http://127.0.0.1/a.xsl"?><a/>',
    "attributes without end": b"<a " + b" ".join(b'a%d="1"' % number for number in range(10_000)) + b"/>",
    "UTF-7": b'<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE a+AD4-',
}

#: What a body may call itself and is not read for.
MEDIA_TYPES = (
    "application/xml",
    "text/xml",
    "application/soap+xml",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/html",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=a",
    "application/octet-stream",
    "application/jsonp",
    "application/json5",
    "application/x-ndjson",
    "application/merge-patch+json",
    "application/msgpack",
    "application/x-yaml",
    "text/json",
    "image/png",
    "application/zip",
    "application/json-not",
    "",
)


def added(body: Any, place: Place, field: str, value: object) -> Any:  # noqa: ANN401  any JSON
    """Give a copy of the body with a field more in the object at `place`."""
    copy = json.loads(json.dumps(body))
    there = copy
    for step in place:
        there = there[step]
    there[field] = value
    return copy
