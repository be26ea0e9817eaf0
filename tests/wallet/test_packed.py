"""Arrays in binary: PostgreSQL reads back what was written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest

from wallet import packed
from wallet.packed import Packed

ARRAYS: list[tuple[str, Callable[[Any], Packed], Sequence[object]]] = [
    ("integer", packed.integers, [0, 1, -1, 2**31 - 1, -(2**31)]),
    ("bigint", packed.bigints, [0, 1, -1, 2**63 - 1, -(2**63)]),
    ("uuid", packed.uuids, [UUID(int=0), None, UUID(int=2**128 - 1)]),
    ("text", packed.texts, ["", "NULL", '{"a",\\}', "Ә'ж", "x" * 70_000]),
    ("bytea", packed.blobs, [b"", b"\x00\xff", b"\\x00"]),
    (
        "timestamptz",
        packed.instants,
        [datetime(2026, 9, 1, 4, 5, 6, 789_012, UTC), None, datetime(1969, 12, 31, tzinfo=UTC)],
    ),
]


@pytest.mark.parametrize(("kind", "pack", "values"), ARRAYS, ids=[kind for kind, _, _ in ARRAYS])
@pytest.mark.parametrize("times", [0, 1, 40], ids=["none", "once", "many"])
def test_the_server_reads_what_was_packed(
    database: str, kind: str, pack: Callable[[Any], Packed], values: Sequence[object], times: int
) -> None:
    told = list(values) * times

    with psycopg.connect(database.replace("postgresql+psycopg:", "postgresql:", 1)) as db:
        found = db.execute(f"SELECT %s::{kind}[]".encode(), [pack(told)]).fetchone()

    assert found == (told,)


def test_what_is_too_large_is_refused_before_it_is_sent() -> None:
    with pytest.raises(Exception, match=r"format|argument|range|too large"):
        packed.bigints([2**63])
