"""Arrays in the binary form PostgreSQL receives (src/backend/utils/adt/arrayfuncs.c, array_recv).

One parameter for a whole column of a batch. The server reads this form five times faster than text, writing it costs
Python no more, and there is nothing to escape. The statement names the type: `%s::bigint[]`.
"""

import struct
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

_HEADER = struct.Struct(">iiIii")  # dimensions, whether nulls may come, type of the elements, how many, first index
_LENGTH = struct.Struct(">i")
_INTEGER = struct.Struct(">ii")
_BIGINT = struct.Struct(">iq")
_NULL = _LENGTH.pack(-1)
_SIXTEEN = _LENGTH.pack(16)

# Of pg_type.dat; these numbers are part of the protocol and never change.
_BYTEA, _INT8, _INT4, _TEXT, _TIMESTAMPTZ, _UUID = 17, 20, 23, 25, 1184, 2950

_MILLENNIUM = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL counts microseconds from here
_MICROSECOND = timedelta(microseconds=1)


class Packed(bytes):
    """One array."""

    __slots__ = ()


class _AsItIs(Dumper):
    format = Format.BINARY
    oid = 0  # the statement says it

    def dump(self, obj: Packed) -> Buffer:
        return obj


psycopg.adapters.register_dumper(Packed, _AsItIs)


def integers(values: Sequence[int]) -> Packed:
    """Pack an integer[]."""
    return _array(_INT4, [_INTEGER.pack(4, value) for value in values])


def bigints(values: Sequence[int]) -> Packed:
    """Pack a bigint[]."""
    return _array(_INT8, [_BIGINT.pack(8, value) for value in values])


def uuids(values: Iterable[UUID | None]) -> Packed:
    """Pack a uuid[]."""
    return _array(_UUID, [_NULL if value is None else _SIXTEEN + value.bytes for value in values])


def texts(values: Iterable[str]) -> Packed:
    """Pack a text[]."""
    return _array(_TEXT, _sized([value.encode() for value in values]))


def blobs(values: Iterable[bytes]) -> Packed:
    """Pack a bytea[]."""
    return _array(_BYTEA, _sized(values))


def instants(values: Iterable[datetime | None]) -> Packed:
    """Pack a timestamptz[]."""
    written: dict[datetime | None, bytes] = {None: _NULL}  # nearly all are the same
    elements = []
    for value in values:
        if (element := written.get(value)) is None:
            assert value is not None, "written from the start"
            element = written[value] = _BIGINT.pack(8, (value - _MILLENNIUM) // _MICROSECOND)
        elements.append(element)
    return _array(_TIMESTAMPTZ, elements)


def _sized(values: Iterable[bytes]) -> list[bytes]:
    return [_LENGTH.pack(len(value)) + value for value in values]


def _array(kind: int, elements: list[bytes]) -> Packed:
    return Packed(b"".join([_HEADER.pack(1, 1, kind, len(elements), 1), *elements]))
