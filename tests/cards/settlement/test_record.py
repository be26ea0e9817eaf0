"""Settlement files as bytes: what is read, and that whatever is wrong refuses all of it, naming the line."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest

from cards.settlement import record
from cards.settlement.record import Malformed, Reading
from simulators import settlement_file
from simulators.settlement_file import Day, Line
from simulators.standard_webhooks import Signer
from tests.planted import planted

DAY = Day(business_date=date(2026, 11, 22), cutoff_at=datetime(2026, 11, 22, 18, tzinfo=UTC))
LINES = [
    Line(lifecycle="L-1", element="clearing-1", pan="9398010000000007", amount_minor=100_00, interchange_minor=1_00),
    Line(lifecycle="L-2", element="refund-1", kind="refund", amount_minor=40_00, interchange_minor=-40),
    Line(lifecycle="F-1", element="fee-1", kind="fee", amount_minor=0, fee_minor=5_00),
]


@pytest.fixture(scope="module")
def content(signer: Signer) -> bytes:
    return settlement_file.write(DAY, LINES, signer)


def reading(content: bytes, by: object = record) -> Reading:
    """Read a file to its end; raises Malformed."""
    found: Reading = by.Reading(content.splitlines(keepends=True))  # type: ignore[attr-defined]  # record or a copy
    for _ in found.records():
        pass
    return found


def test_a_file_is_read_as_it_was_written(content: bytes) -> None:
    found = Reading(content.splitlines(keepends=True))
    records = list(found.records())

    assert (found.header.network, found.header.link, found.header.sequence) == ("mspk", "domestic", 1)
    assert [(each.kind, each.lifecycle, each.amount_minor) for each in records] == [
        ("purchase", "L-1", 100_00),
        ("refund", "L-2", 40_00),
        ("fee", "F-1", 0),
    ]
    assert found.trailer is not None
    assert found.trailer.net_minor == 100_00 - 40_00 - 60 + 5_00
    assert "9398010000000007" not in repr(records)


def field(line: int, place: int, instead: str) -> Callable[[bytes], bytes]:
    """Put `instead` in a field of a line."""

    def spoil(content: bytes) -> bytes:
        lines = content.decode().split("\n")
        fields = lines[line - 1].split("\t")
        fields[place] = instead
        lines[line - 1] = "\t".join(fields)
        return "\n".join(lines).encode()

    return spoil


def without(line: int) -> Callable[[bytes], bytes]:
    """Leave a line out."""

    def spoil(content: bytes) -> bytes:
        lines = content.splitlines(keepends=True)
        return b"".join(lines[: line - 1] + lines[line:])

    return spoil


#: What is wrong → the line that is named, why, and how it came about.
WRONG: dict[str, tuple[int, str, Callable[[bytes], bytes]]] = {
    "nothing": (0, "no_header", lambda _: b""),
    "no header": (1, "no_header", without(1)),
    "another version": (1, "no_header", field(1, 1, "2")),
    "a link nobody has": (1, "link", field(1, 3, "lunar")),
    "a sequence of nothing": (1, "sequence", field(1, 4, "0")),
    "a sequence with a sign": (1, "sequence", field(1, 4, "+1")),
    "a day that is none": (1, "business_date", field(1, 5, "2026-02-30")),
    "a day without dashes": (1, "business_date", field(1, 5, "20261122")),
    "a cut-off without a zone": (1, "cutoff_at", field(1, 6, "2026-11-22T18:00:00")),
    "settled before its day": (1, "settles_on", field(1, 7, "2026-11-21")),
    "a currency in small letters": (1, "currency", field(1, 8, "kzt")),
    "a field too many": (2, "no_record", field(2, 14, "1\t1")),
    "a record that is none": (2, "no_record", field(2, 0, "X")),
    "a number out of turn": (2, "number", field(2, 1, "2")),
    "a record left out": (3, "number", without(3)),
    "a kind nobody knows": (2, "kind", field(2, 2, "gift")),
    "a name with a blank": (2, "lifecycle", field(2, 3, "L 1")),
    "a name too long": (2, "element", field(2, 4, "x" * 65)),
    "a card with letters": (2, "pan", field(2, 5, "93980100000000O7")),
    "a negative amount": (2, "amount", field(2, 6, "-1")),
    "an amount with a point": (2, "amount", field(2, 6, "100.00")),
    "an amount of another script": (2, "amount", field(2, 6, "١٠٠")),
    "a purchase of nothing": (2, "amount", field(2, 6, "0")),
    "a category of three digits": (2, "category", field(2, 12, "594")),
    "a country of three letters": (2, "country", field(2, 13, "KAZ")),
    "neither final nor not": (2, "final", field(2, 14, "yes")),
    "another amount": (5, "debits_differ", field(2, 6, "10001")),
    "another merchant": (5, "sha256_differ", field(2, 10, "Dostyk Cooks")),
    "a count too high": (5, "records_differ", field(5, 1, "4")),
    "another net": (5, "net_differ", field(5, 6, "1")),
    "no trailer": (4, "no_trailer", without(5)),
    "a trailer of half its fields": (5, "no_trailer", lambda content: content[: content.rindex(b"\t")] + b"\n"),
    "cut short": (5, "cut_short", lambda content: content[:-1]),
    "something behind it": (6, "after_trailer", lambda content: content + b"R\n"),
    "a line without end": (2, "too_long", field(2, 10, "x" * 3_000)),
    "bytes that are no text": (2, "no_utf8", lambda content: content.replace(b"Dostyk", b"\xff\xfe")),
    "a control character": (2, "merchant", lambda content: content.replace(b"Dostyk", b"Dos\x1byk")),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_is_wrong_refuses_all_of_it_and_names_the_line(
    content: bytes, wrong: tuple[int, str, Callable[[bytes], bytes]]
) -> None:
    line, why, spoil = wrong

    with pytest.raises(Malformed) as refused:
        reading(spoil(content))

    assert (refused.value.line, refused.value.why) == (line, why)


@pytest.mark.parametrize("seed", range(60))
def test_a_file_with_any_byte_changed_is_refused(content: bytes, seed: int) -> None:
    chance = random.Random(seed)
    signed = content.rindex(b"\t", 0, content.rindex(b"\t"))  # who signed, and how, is looked at by who has the keys
    place = chance.randrange(signed)
    changed = content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]

    with pytest.raises(Malformed):
        reading(changed)


#: A check of the reader, what stands in its place in a copy, and what that copy lets through.
DEFECTS = {
    "sums": ("if said != is_:", 'if said != is_ and what == "none":', "another amount"),
    "what follows": ('if next(self._lines, b""):', "if False:", "something behind it"),
}


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=DEFECTS)
def test_a_reader_that_does_not_look_is_caught(content: bytes, defect: tuple[str, str, str]) -> None:
    check, instead, name = defect
    lax = planted(record, check, instead)
    spoilt = WRONG[name][2](content)

    reading(spoilt, lax)
    with pytest.raises(Malformed):
        reading(spoilt)


def test_plants_are_the_same_for_the_same_seed() -> None:
    plants = list(settlement_file.PLANTS)
    lines = [Line(lifecycle=f"L-{number}", element="a", amount_minor=100) for number in range(9)]

    spoilt = [settlement_file.planted(lines, plants, seed)[0] for seed in (1, 1, 2)]

    assert spoilt[0] == spoilt[1]
    assert all(one != other for one, other in pairwise(spoilt[1:]))
