"""A card network's settlement file: written from what it cleared, with breaks planted where a test wants them.

    python -m simulators.settlement_file --folder inbox --keys .data/network --network mspk --records 100000

The form of the file is told in cards/settlement/record.py, and read there by other code: nothing is shared with it.
"""

import argparse
import base64
import hashlib
import random
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from simulators.message_signatures import kid
from simulators.standard_webhooks import Signer

SUFFIX = ".settlement"
Plant = Literal["amount", "currency", "duplicate", "extra", "absent"]
PLANTS: tuple[Plant, ...] = ("amount", "currency", "duplicate", "extra", "absent")
_CREDITS = ("refund", "chargeback")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the network settles."""

    kind: str = "purchase"
    lifecycle: str
    element: str
    pan: str = ""
    amount_minor: int
    currency: str = "KZT"
    interchange_minor: int = 0
    fee_minor: int = 0
    merchant: str = "Dostyk Books"
    merchant_id: str = "M-1001"
    category: str = "5942"
    country: str = "KZ"
    final: bool = True


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """Which file it is."""

    network: str = "mspk"
    link: str = "domestic"
    sequence: int = 1
    business_date: date
    cutoff_at: datetime
    currency: str = "KZT"


def write(day: Day, lines: Iterable[Line], signer: Signer) -> bytes:
    """Write a file: its header, its lines numbered from 1, and what they add up to, signed."""
    settles_on = day.business_date + timedelta(days=1)
    header = ("H", "1", day.network, day.link, day.sequence, day.business_date, _instant(day), settles_on, day.currency)
    written = [_joined(header)]
    records = debits = credits_ = interchange = fees = 0
    for records, line in enumerate(lines, start=1):
        written.append(_record(records, line))
        if line.currency != day.currency:
            continue
        if line.kind in _CREDITS:
            credits_ += line.amount_minor
        else:
            debits += line.amount_minor
        interchange += line.interchange_minor
        fees += line.fee_minor
    body = b"".join(written)
    digest = hashlib.sha256(body).digest()
    signature = signer.key.sign(b"eresidency settlement file v1\n" + digest)
    net = debits - credits_ - interchange + fees
    sums = (records, debits, credits_, interchange, fees, net)
    return body + _joined(("T", *sums, digest.hex(), kid(signer), _b64(signature)))


def _record(no: int, line: Line) -> bytes:
    return _joined(
        (
            "R",
            no,
            line.kind,
            line.lifecycle,
            line.element,
            line.pan,
            line.amount_minor,
            line.currency,
            line.interchange_minor,
            line.fee_minor,
            line.merchant,
            line.merchant_id,
            line.category,
            line.country,
            int(line.final),
        )
    )


def _joined(fields: Sequence[object]) -> bytes:
    return "\t".join(map(str, fields)).encode() + b"\n"


def _instant(day: Day) -> str:
    return day.cutoff_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def planted(lines: Sequence[Line], plants: Sequence[Plant], seed: int) -> tuple[list[Line], list[tuple[Plant, Line]]]:
    """Spoil some lines, each in one way; gives the lines as they are written, and what was planted where."""
    chance = random.Random(f"settlement/{seed}")
    spoilt = dict(zip(chance.sample(range(len(lines)), k=min(len(plants), len(lines))), plants, strict=False))
    found: list[Line] = []
    told: list[tuple[Plant, Line]] = []
    for place, line in enumerate(lines):
        plant = spoilt.get(place)
        if plant is not None:
            told.append((plant, line))
        match plant:
            case None:
                found.append(line)
            case "amount":
                found.append(msgspec.structs.replace(line, amount_minor=line.amount_minor + chance.randint(1, 999)))
            case "currency":
                found.append(msgspec.structs.replace(line, currency="USD"))
            case "duplicate":
                found += [line, line]
            case "extra":
                found += [line, msgspec.structs.replace(line, lifecycle=f"X-{seed}-{place}", element="unheard")]
            case "absent":
                pass
    chance.shuffle(found)
    return found, told


def made_up(records: int, seed: int) -> Iterable[Line]:
    """Make up purchases nobody heard of: for trying how fast a file is read."""
    chance = random.Random(f"settlement/{seed}")
    for number in range(records):
        amount = chance.randint(100, 5_000_000)
        yield Line(
            lifecycle=f"L-{seed}-{number}", element="clearing-1", amount_minor=amount, interchange_minor=amount // 100
        )


def main() -> None:
    """Write a file of made-up purchases into a folder."""
    parser = argparse.ArgumentParser(prog="simulators.settlement_file", description="A settlement file.")
    parser.add_argument("--folder", type=Path, required=True, help="where the issuer looks for files")
    parser.add_argument("--keys", type=Path, required=True, help="where the network's key is kept")
    parser.add_argument("--network", default="mspk")
    parser.add_argument("--sequence", type=int, default=1)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    now = datetime.now(UTC)
    day = Day(network=told.network, sequence=told.sequence, business_date=now.date(), cutoff_at=now)
    content = write(day, made_up(told.records, told.seed), Signer(told.keys / "network.key"))
    told.folder.mkdir(parents=True, exist_ok=True)
    path = told.folder / f"{told.network}-{told.sequence:06d}{SUFFIX}"
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.rename(path)
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
