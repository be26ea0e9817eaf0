"""Authorisations through the line: ISO 8583 over TCP, number, proof, rules, hold, ledger and back, end to end.

The house serves its line in a process of its own, as `eresidency link` does; the load comes from another one
(bench/acquirer.py), which checks every answer. Both share the machine's cores with PostgreSQL. Every second question
proves a chip by its cryptogram, the others a CVV2; every card has limits of its own, and a programme's rules of risk
are in force and in the shadow (bench/risk.py). The line has the deadline it has at work. The peer is a stored procedure
that does the least an authorisation can be (bench/authorising.py), in pgbench, in the same run.

    python -m bench.cards     serves a line, reads its settings from its input and says where it listens
"""

import asyncio
import contextlib
import itertools
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop
from sqlalchemy import text

from app import cli, db, ids, log
from app import house as house_
from app.house import House
from app.money import FIRST_LANE
from app.network import serving
from app.network.terms import Line, Scope
from app.settings import Settings
from bench import authorising, ground, migrating, moving, risk
from bench.acquirer import Acquirer, Found
from bench.ground import Ground
from bench.row import Goal, Rounds, Row, row
from cards.card import Card, Form, Limits
from cards.hsm import emv, tlv
from cards.hsm.port import Plate, Usage
from cards.hsm.soft import SoftHsm
from cards.iso8583 import telegram, times
from cards.iso8583.telegram import Telegram
from cards.programme import order
from cards.programme.order import Holder, Issuing, Order
from cards.proofs import pan
from law import calendar
from law.money import KZT, Money
from law.regime import PROGRAMME, Caps
from law.seed import THRESHOLDS
from wallet.transfer import AccountId

CARDS = 1_000  # far more than are under way: a chip that overtakes itself is refused
STAFF = 32  # who pay from the one account
ROUNDS = 3
SECONDS = 4.0
AT_ONCE = 256
SUSTAINED_S = 60
STEADY = 500  # a second
STEADY_S = 60
MOVING_S = 20  # and all cards move to another basis meanwhile, again and again
MOST = 3_000  # a second: so many telegrams are made for a round
MINOR = 1  # what a person may spend in a day is in force here too
HAS = 300  # what the poor one can pay

_LINE = Line(network="bench", scope=Scope.DOMESTIC, port=0)
_LIMITS = Limits(per_day=Money(5_000_000_00, KZT), per_month=Money(20_000_000_00, KZT))


async def rows(place: Ground) -> list[Row]:
    """Measure authorisations at full load, at a steady rate, on one account, and whether anything is overspent."""
    authorising.prepare(place)
    rounds = Rounds()
    async with house_.opened(place.settings) as house, _served(place.settings) as port:
        await risk.enforce(house)
        crowd = await _shoppers(house, CARDS)
        company = await _shoppers(house, 1, cards_each=STAFF)
        load = await Acquirer.started(port)
        for _ in range(ROUNDS):
            for clients in authorising.CLIENTS:
                rounds.add(authorising.named(clients), await asyncio.to_thread(authorising.per_second, place, clients))
            for name, shoppers in (("authorisations", crowd), ("authorisations, one account", company)):
                asked = shoppers.telegrams(int(MOST * SECONDS))
                found = await load.run(asked, seconds=SECONDS, at_once=AT_ONCE)
                # A chip whose question was overtaken by its next one is refused, rightly; it must stay a curiosity.
                assert found.approved + found.late >= 0.999 * found.answered, (found, await _why(house))
                rounds.add(name, _approved(found))
        sustained = await load.run(crowd.telegrams(MOST * SUSTAINED_S), seconds=SUSTAINED_S, at_once=AT_ONCE)
        steady = await load.run(crowd.telegrams(STEADY * STEADY_S), seconds=STEADY_S, rate=STEADY)
        poor = await _shoppers(house, 1, HAS * MINOR)
        spent = await load.run(poor.telegrams(3 * HAS), seconds=30, at_once=AT_ONCE)
        left = await _available(house, poor.cards[0].account)
        # The last of all: no card is issued under a basis whose cards move.
        moving_, moved = await _while_moving(house, load, crowd)
        await load.stop()
    peer = authorising.named(32)
    return [
        row(f"authorisations, {SUSTAINED_S} s", _approved(sustained), "1/s", goal=Goal(value_min=1_000)),
        rounds.row("authorisations", peer),
        rounds.row("authorisations", authorising.named(8)),
        rounds.row("authorisations, one account", peer, goal=Goal(value_min=500)),
        row(f"p99 at {STEADY} a second", steady.p99_ms, "ms", goal=Goal(value_max=50)),
        row(f"median at {STEADY} a second", steady.median_ms, "ms"),
        row(f"reached of {STEADY} a second", steady.per_second, "1/s", goal=Goal(value_min=STEADY * 0.97)),
        row(
            f"decided in time of {STEADY} a second",
            100 * steady.approved / steady.answered,
            "%",
            goal=Goal(value_min=99.9),
        ),
        row(f"p99 at {STEADY} a second while all cards move to another basis", moving_.p99_ms, "ms"),
        row("decided in time meanwhile", 100 * moving_.approved / moving_.answered, "%", goal=Goal(value_min=99.9)),
        row("cards moved meanwhile", moved, "cards"),
        row(f"promised of {HAS} that are there", spent.approved, "authorisations", goal=Goal(value_max=HAS)),
        row("overspent", max(-left, 0), "tiyn", goal=Goal(value_max=0)),
    ]


def _approved(found: Found) -> float:
    """Count what was approved in a second: what is declined as too late is no authorisation."""
    return found.per_second * found.approved / found.answered


async def _while_moving(house: House, load: Acquirer, crowd: "Shoppers") -> tuple[Found, int]:
    """Ask at the steady rate while a migration is under way; answers what came of it, and how many cards moved."""
    over = asyncio.Event()
    moving_ = asyncio.create_task(migrating.to_and_fro(house, over))
    found = await load.run(crowd.telegrams(STEADY * MOVING_S), seconds=MOVING_S, rate=STEADY)
    over.set()
    return found, await moving_


class Shoppers:
    """Cards in the hands of people who shop without end."""

    def __init__(self, machine: SoftHsm, cards: list[Card], numbers: list[Plate]) -> None:
        self.cards = cards
        self._machine = machine
        self._numbers = numbers
        self._counters = [0] * len(cards)
        self._names = itertools.count()

    def telegrams(self, count: int) -> list[bytes]:
        """Make questions, a chip's and a page's in turns, with the codes of this moment."""
        at = datetime.now(UTC)
        codes = [self._machine.code_at(plate, at).value for plate in self._numbers]
        keys = [self._card_key(plate) for plate in self._numbers]
        return [
            telegram.write(
                Telegram("0100", self._asked(number % len(self.cards), at, codes, keys, chip=number % 2 == 0))
            )
            for number in range(count)
        ]

    def _card_key(self, plate: Plate) -> bytes:
        master = self._machine.material(Usage.CRYPTOGRAMS, plate.version).value
        return emv.card_key(master, plate.number.digits, "00")

    def _asked(self, who: int, at: datetime, codes: list[str], keys: list[bytes], *, chip: bool) -> dict[int, str]:
        plate, name = self._numbers[who], next(self._names)
        said = {
            2: plate.number.digits,
            3: "000000",
            4: f"{MINOR:012}",
            7: times.written(at),
            11: f"{name % 999_999 + 1:06}",
            12: f"{at:%H%M%S}",
            13: f"{at:%m%d}",
            14: f"{plate.expires_on:%y%m}",
            18: "5942",
            22: "051" if chip else "810",
            25: "00" if chip else "59",
            32: "398001",
            37: f"{name:012}",
            41: "TERM0001",
            42: f"{risk.WATCHED if name % 20 == 0 else 'M-1001':15}",
            43: f"{'Dostyk Books':25}{'Almaty':13}KZ",
            49: "398",
            62: ids.new().hex[-15:].upper(),
        }
        if not chip:
            return said | {48: f"9203{codes[who]}"}
        self._counters[who] += 1
        return said | {55: _chip(keys[who], self._counters[who]).hex().upper()}


def _chip(key: bytes, counter: int) -> bytes:
    """Say what a chip says of one tenge with this counter."""
    tags = {
        "9F02": bytes.fromhex(f"{MINOR:012}"),
        "9F03": bytes(6),
        "9F1A": bytes.fromhex("0398"),
        "95": bytes(5),
        "5F2A": bytes.fromhex("0398"),
        "9A": bytes.fromhex("261122"),
        "9C": b"\0",
        "9F37": b"\x11\x22\x33\x44",
        "82": bytes.fromhex("1800"),
        "9F36": counter.to_bytes(2),
        "9F10": bytes.fromhex("06011203A0B800"),
    }
    read = emv.read({**tags, "9F26": bytes(8)})
    return tlv.dump({**tags, "9F26": emv.cryptogram(key, read)})


async def _shoppers(house: House, count: int, minor: int | None = None, *, cards_each: int = 1) -> Shoppers:
    """Open wallets and order cards for each; they hold more than can be spent, or `minor`."""
    accounts = await moving.wallets(house, FIRST_LANE, count)
    async with house.report.connect() as connection:
        rows_ = await connection.execute(
            text("SELECT id, holder FROM wallet.account WHERE id = ANY(:a)"), {"a": accounts}
        )
        holders = {row_.id: row_.holder for row_ in rows_}
    cards, plates = [], []
    for each in accounts * cards_each:
        card, plate = await _card(house, holders[each], each)
        cards.append(card)
        plates.append(plate)
    if minor is not None:
        bank = await moving.bank(house, FIRST_LANE)
        for each in accounts:
            surplus = Money(await _available(house, each) - minor, KZT)
            await moving.move(house, FIRST_LANE, [(each, bank)], amount=surplus)
    async with house.posting.connect() as connection:
        return Shoppers(await house.card_keys.machine(connection), cards, plates)


async def _card(house: House, holder: UUID, account: AccountId) -> tuple[Card, Plate]:
    """Order a card under today's regime without its caps: they are not what is measured."""
    async with db.transaction(house.api, holder=holder, audience="resident") as story:
        connection, now = await story(), story.now
        programme = PROGRAMME.at(calendar.statutory_date(now))
        asked = Order(
            card=ids.new(),
            holder=Holder(id=holder, verified_at=now),
            lane=FIRST_LANE,
            account=account,
            currency=KZT,
            form=Form.VIRTUAL,
            limits=_LIMITS,
            notice_version=programme.notice.version,
            notice_language="en",
        )
        by = Issuing(
            programme=msgspec.structs.replace(programme, caps=Caps()),
            thresholds=THRESHOLDS,
            keys=house.keys.kms,
            actor="system:bench",
            at=now,
        )
        made = await order.order(connection, asked, by)
        kept = await pan.read(connection, house.keys.kms, made.id)
    assert kept is not None
    return made, Plate(kept.number, made.expires_on, kept.plate_version)


async def _available(house: House, account: UUID) -> int:
    async with house.report.connect() as connection:
        found = text("SELECT posted - hold_out FROM wallet.account WHERE id = :account")
        return int(await connection.scalar(found, {"account": account}))


async def _why(house: House) -> list[str]:
    async with house.report.connect() as connection:
        found = text("SELECT DISTINCT unnest(reasons) FROM cards.element WHERE kind = 'decline'")
        return list(await connection.scalars(found))


@contextlib.asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[int]:
    """Run the line in a process of its own and say where it listens."""
    piped = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.cards", stdin=piped, stdout=piped)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{ground.told(settings)}\n".encode())
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with tempfile.TemporaryDirectory() as folder:
        async with house_.opened(settings) as house, serving.opened(house, (_LINE,), Path(folder)) as lines:
            cli.settle()
            sys.stdout.write(f"{lines.ports[_LINE.network]}\n")
            sys.stdout.flush()
            log.configure()
            await stop.wait()


if __name__ == "__main__":
    uvloop.run(_serve(ground.settings_of(sys.stdin.readline())))
