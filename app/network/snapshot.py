"""What is known of the cards, for when nobody can be asked: taken every few minutes, sealed and signed, kept on disk.

takes     app/network/snapshot.py      take()     <- you are here
decides   cards/payments/standin.py    decide()
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import allowance, clock, db
from app.network import share
from cards import card
from cards.card import Card
from cards.payments.standin import NOTHING, Known
from cards.programme import programme
from cards.programme.programme import InForce
from cards.proofs.evidence import Seen, Token
from cards.spending import turnover
from cards.spending.velocity import Counters
from law import calendar
from law.money import KZT, MAX_MINOR, Money
from law.regime import PROGRAMME
from proof import keyfile, kms, signer
from proof.kms import Kms, Unopenable, Wrapped
from proof.signer import Signer
from wallet.desk import Desk
from wallet.limit import Operation

_TABLE = "app.network.snapshot"
_OWNER = "snapshot"
_AT_ONCE = 50  # what is asked meanwhile waits for so many
_MOST = Money(10**9, KZT)


class Snapshot(msgspec.Struct, frozen=True):
    """The cards by the keyed index of their number, as they were at `taken_at` (the machine's clock).

    `ahead` is how far the installation's clock stood before the machine's. `merchants` are those that are listed,
    `ends` says when cards of a basis stop, `turnover_left` is what the programme may still turn over this month. Of
    that, and of what is left to each card, it holds the part of this place alone.
    """

    taken_at: datetime
    ahead: timedelta
    cards: Mapping[bytes, Known]
    merchants: frozenset[str] = frozenset()
    ends: Mapping[str, datetime] = {}
    turnover_left: Money = NOTHING

    def in_force(self, now: datetime) -> InForce:
        """Say what the programme is at `now`, by the installation's clock."""
        rows: list[tuple[str, str, datetime | None]] = [("merchant", each, None) for each in self.merchants]
        rows += [("end", basis, at) for basis, at in self.ends.items()]
        return programme.of_rows(rows, PROGRAMME, now)


class _Kept(msgspec.Struct, frozen=True):
    """As it is kept: the content is sealed under a wrapped key, and signed by the key that signs our messages."""

    key_version: int
    wrapped: bytes
    sealed: bytes
    signature: bytes


class _Content(msgspec.Struct, frozen=True):
    taken_at: datetime
    ahead_s: int
    cards: list[tuple[bytes, Known]]
    merchants: frozenset[str] = frozenset()
    ends: dict[str, datetime] = {}
    turnover_left: Money = NOTHING  # what was written without it promises nothing


class Untrusted(Exception):
    """The file is not what we wrote."""


async def take(engine: AsyncEngine, place: UUID, lasts: timedelta, told: Callable[[], bool]) -> Snapshot:
    """Read what is known now of every card that could be used, and what `place` may promise of it for so long.

    `told` says whether the books know all that it promised before.
    """
    found: dict[bytes, Known] = {}
    async with db.transaction(engine) as story:
        connection, taken_at = await story(), clock.real()
        plates = {row.card: row for row in await connection.execute(_INDEXES)}
        waiting = list(plates)
        for start in range(0, len(waiting), _AT_ONCE):
            cards = await card.find_all(connection, waiting[start : start + _AT_ONCE])
            for known in await _known(connection, [each for each in cards.values() if each.alive], story.now):
                plate = plates[known.card.id]
                found[bytes(plate.blind)] = msgspec.structs.replace(known, plate_version=plate.plate_version)
        merchants = frozenset(await connection.scalars(_LISTED))
        of_programme = await programme.load(connection, PROGRAMME, (), story.now)
        left = await turnover.left(connection, story.now)
        ahead = timedelta(seconds=round((story.now - clock.real()).total_seconds()))
    unbounded = Money(MAX_MINOR, KZT)
    # Taken last: it must hold for at least as long as what is known may be used.
    part = await share.take(engine, place, lasts, told=told())
    parted = {index: msgspec.structs.replace(each, left=part.of(each.left)) for index, each in found.items()}
    return Snapshot(taken_at, ahead, parted, merchants, of_programme.ends, part.of(unbounded if left is None else left))


async def _known(connection: AsyncConnection, cards: list[Card], now: datetime) -> list[Known]:
    facts = await allowance.facts(connection, now, spenders={each.holder for each in cards})
    available = await _available(connection, cards)
    ids = {"cards": [each.id for each in cards]}
    seen = {row.card: Seen(row.highest, row.seen) for row in await connection.execute(_CHIPS, ids)}
    tokens: defaultdict[UUID, dict[str, Token]] = defaultdict(dict)
    for row in await connection.execute(_TOKENS, ids):
        tokens[row.card][row.reference] = Token(row.card, row.state, tuple(row.channels), row.merchant)
    on = calendar.statutory_date(now)
    spent = await Counters.load(Desk(connection, now, ()), ids["cards"])
    return [
        Known(
            card=each,
            left=min(
                available.get(each.account, Money(0, KZT)), _room(facts[each.holder], on), _allowed(spent.room(each))
            ),
            seen=seen.get(each.id, Seen(-1, 0)),
            tokens=tokens[each.id],
        )
        for each in cards
        if each.currency is KZT
    ]


def _room(of: allowance.Facts, on: date) -> Money:
    """Say how much more the holder's limits let cards spend; nothing where a restriction stops them."""
    if any(True for _ in of.stopping(Operation.CARD)):
        return Money(0, KZT)
    of.refusal(Operation.CARD, _MOST.minor, on)
    return Money(max(min(of.room.get(Operation.CARD, _MOST.minor), _MOST.minor), 0), KZT)


def _allowed(room: int | None) -> Money:
    """Say how much more the limits of a card let it spend."""
    return _MOST if room is None else Money(max(room, 0), KZT)


async def _available(connection: AsyncConnection, cards: list[Card]) -> dict[UUID, Money]:
    rows = await connection.execute(_AVAILABLE, {"accounts": [each.account for each in cards]})
    return {row.id: Money(row.available, KZT) for row in rows}


async def keep(path: Path, taken: Snapshot, keys: Kms, signs: Signer) -> None:
    """Write it, complete or not at all."""
    await asyncio.to_thread(_keep, path, taken, keys, signs)


def _keep(path: Path, taken: Snapshot, keys: Kms, signs: Signer) -> None:
    ahead_s, cards = int(taken.ahead.total_seconds()), list(taken.cards.items())
    content = _Content(taken.taken_at, ahead_s, cards, taken.merchants, dict(taken.ends), taken.turnover_left)
    key = kms.new_data_key()
    wrapped = keys.wrap(key, _OWNER)
    sealed = kms.seal(key, msgspec.msgpack.encode(content), table=_TABLE, column="cards", row="all")
    kept = _Kept(wrapped.version, wrapped.blob, sealed, signs.sign(_signed(sealed)))
    keyfile.replace(path, msgspec.msgpack.encode(kept))


def read(path: Path, keys: Kms, believed: list[dict[str, str]]) -> Snapshot | None:
    """Read what was kept, None where nothing was; raises Untrusted. `believed` are the public keys that may sign."""
    try:
        kept = msgspec.msgpack.decode(path.read_bytes(), type=_Kept)
        if not any(signer.verify(each, _signed(kept.sealed), kept.signature) for each in believed):
            raise Untrusted
        key = keys.unwrap(Wrapped(kept.key_version, kept.wrapped), _OWNER)
        opened = kms.open_(key, kept.sealed, table=_TABLE, column="cards", row="all")
        content = msgspec.msgpack.decode(opened, type=_Content)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, Unopenable) as error:
        raise Untrusted from error
    ahead = timedelta(seconds=content.ahead_s)
    cards = dict(content.cards)
    return Snapshot(content.taken_at, ahead, cards, content.merchants, content.ends, content.turnover_left)


def _signed(sealed: bytes) -> bytes:
    return b"stand-in snapshot\0" + sealed


_INDEXES = text("SELECT card, blind, plate_version FROM card_vault.indexes()")
_CHIPS = text("SELECT card, highest, seen FROM card_vault.chips(CAST(:cards AS uuid[]))")
_TOKENS = text(
    "SELECT card, reference, state, channels, merchant FROM cards.token WHERE card = ANY(:cards) AND state = 'active'"
)
_LISTED = text("SELECT merchant FROM cards.listed_merchant WHERE ended_at IS NULL")
_AVAILABLE = text(
    "SELECT id, posted - hold_out - floor AS available FROM wallet.account"
    " WHERE id = ANY(:accounts) AND closed_at IS NULL"
)
