"""Builders for tests of cards: a resident with a funded wallet and a card, and what the network says about it."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app import db, ids
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money, claim
from cards import card as cards_card
from cards.card import Act, Card, Closing, Form, Limits, Owner, State
from cards.payments import booking, voices
from cards.payments.message import Answer, Authorization, Clearing, Message, Reversal
from cards.payments.payment import Element, Kind, Merchant, Payment, PaymentId
from cards.programme import change, renewal
from cards.programme.order import Holder, Issuing, Order, order
from cards.programme.renewal import Cause
from law.money import KZT, zero
from law.money import Money as Amount
from law.regime import PROGRAMME, Caps, Regime
from law.seed import THRESHOLDS
from proof.kms import FileKms
from tests.conftest import Engines
from tests.wallet import ledgers
from tests.wallet.ledgers import kzt
from wallet.desk import Desk
from wallet.transfer import AccountId

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
EXPIRY = date(2027, 10, 31)
SHOP = Merchant(name="Dostyk Books", id="M-1001", category="5942", country="KZ")
KEYS = FileKms(Path("none"), {1: bytes(32)}, blind=bytes(range(32)))


def regime(cards: int | None = None, cards_per_customer: int | None = None) -> Regime:
    """Answer the sandbox of `AT` with other caps."""
    caps = Caps(cards=cards, cards_per_customer=cards_per_customer)
    return msgspec.structs.replace(PROGRAMME.at(AT.date()), caps=caps)


def asked(holder: UUID, account: UUID, **other: object) -> Order:
    """Ask for a virtual card as the holder of `account`, having accepted the notice in force."""
    fields: dict[str, object] = {
        "card": ids.new(),
        "holder": Holder(id=holder, verified_at=AT),
        "lane": FIRST_LANE,
        "account": account,
        "currency": KZT,
        "form": Form.VIRTUAL,
        "limits": Limits(),
        "notice_version": regime().notice.version,
        "notice_language": "en",
    }
    return Order(**{**fields, **other})  # type: ignore[arg-type]  # the fields of Order, some of them replaced


async def ordered(engines: Engines, request: Order, programme: Regime | None = None) -> Card:
    """Order a card as its holder would."""
    holder = request.holder.id
    async with db.transaction(engines.api, holder=holder, audience="resident") as story:
        return await order(await story(), request, issuing(holder, programme))


def issuing(holder: UUID, programme: Regime | None = None, at: datetime = AT) -> Issuing:
    """Issue as the holder asks for it."""
    return Issuing(programme=programme or regime(), thresholds=THRESHOLDS, keys=KEYS, actor=f"resident:{holder}", at=at)


async def spender(engines: Engines, money: Money, tenge: int, limits: Limits | None = None) -> Card:
    """Bring up a resident with `tenge` in the wallet and a card on it."""
    holder = ids.new()
    account = await ledgers.opened(engines.api, holder)
    if tenge:
        await fund(engines, money, account, tenge)
    return await ordered(engines, asked(holder, account, limits=limits or Limits()))


async def fund(engines: Engines, money: Money, account: UUID, tenge: int) -> None:
    """Let the bank pay `tenge` into a wallet."""
    source = await ledgers.bank(engines.posting)
    await ledgers.move(money, ledgers.post(source, AccountId(account), kzt(tenge)))


async def act(engines: Engines, used: Card, *acts: Act) -> Card:
    """Do `acts` to a card, one after the other, as its holder would."""
    for each in acts:
        async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
            connection = await story()
            before, actor = await change.locked(connection, used.id), f"resident:{used.holder}"
            if each is Act.CLOSE:
                [used] = await change.close(connection, [before], Closing.USER, actor=actor, at=AT)
            else:
                used = await change.turn(connection, before, each, actor=actor, at=AT)
    return used


async def freeze(engines: Engines, used: Card, *, frozen: bool = True) -> Card:
    """Set or lift the holder's own flag."""
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        connection = await story()
        before = await change.locked(connection, used.id)
        return await change.freeze(connection, before, frozen=frozen, actor=f"resident:{used.holder}", at=AT)


async def suspend(engines: Engines, used: Card, owner: Owner, reason: str = "security") -> Card:
    """Set the flag of `owner`."""
    async with db.transaction(engines.api, audience="officer") as story:
        changed = change.suspended(await change.locked(await story(), used.id), owner, reason)
        await change.record_all(await story(), [changed], actor="officer:one", at=AT)
    return changed.card


async def replaced(engines: Engines, used: Card, cause: Cause = Cause.LOST) -> Card:
    """Put another card in the place of a card, as its holder would."""
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        connection = await story()
        before, by = await change.locked(connection, used.id), issuing(used.holder)
        who = Holder(id=used.holder, verified_at=by.at)
        return await renewal.succeed(connection, before, cause, by, card=ids.new(), holder=who)


async def close_wallet(database: str, used: Card) -> None:
    """Close a wallet, which must be empty."""
    async with owner(database) as connection:
        await connection.execute(
            text("UPDATE wallet.account SET closed_at = now() WHERE id = :id"), {"id": used.account}
        )


@contextlib.asynccontextmanager
async def owner(database: str) -> AsyncIterator[AsyncConnection]:
    """Act as the owner of the database, who serves no request."""
    engine = create_async_engine(database)
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


async def found(engines: Engines, used: Card) -> Card:
    """Read a card as its holder sees it."""
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        return await cards_card.find(await story(), used.id)


async def told(engines: Engines, aggregate: UUID) -> list[str]:
    """List the kinds of what happened to a card or a payment."""
    async with engines.report.connect() as connection:
        return list(await connection.scalars(_TOLD, {"aggregate": aggregate}))


def card(**other: object) -> Card:
    """Make up a card in memory."""
    fields: dict[str, object] = {
        "id": ids.new(),
        "holder": ids.new(),
        "lane": FIRST_LANE,
        "account": ids.new(),
        "form": Form.VIRTUAL,
        "last4": "1234",
        "currency": KZT,
        "expires_on": EXPIRY,
        "issuance_basis": "sandbox",
        "notice_version": "1",
        "ordered_at": AT,
        "version": 2,
        "state": State.ACTIVE,
        "limits": Limits(),
    }
    return Card(**{**fields, **other})  # type: ignore[arg-type]  # the fields of Card, some of them replaced


def payment(*elements: tuple[Kind, int], final: bool = False) -> Payment:
    """Make up a payment of these kinds and tenge; with `final` the last clearing is the merchant's last."""
    made = Payment(
        id=PaymentId(ids.new()),
        lane=FIRST_LANE,
        network="narodnaya",
        lifecycle="L-1",
        card=None,
        holder=None,
        account=None,
        currency=KZT,
        merchant=SHOP,
        opened_at=AT,
    )
    for kind, tenge in elements:
        made = made.adding(kind, kzt(tenge), AT, source=f"E-{len(made.elements)}")
    if final:
        made = msgspec.structs.replace(made, elements=tuple(_final(element) for element in made.elements))
    return made


def _final(element: Element) -> Element:
    return msgspec.structs.replace(element, final=True) if element.kind is Kind.CLEARING else element


def question(
    used: Card | None, tenge: int, lifecycle: str | None = None, element: str = "auth", **other: object
) -> Authorization:
    """Ask for `tenge` with a card."""
    return Authorization(**{**_said(used, tenge, lifecycle, element), "expiry": EXPIRY, **other})  # type: ignore[arg-type]  # its fields


def cleared(
    used: Card | None, tenge: int, lifecycle: str | None = None, element: str = "clear", **other: object
) -> Clearing:
    """Take `tenge` from a card."""
    return Clearing(**{**_said(used, tenge, lifecycle, element), **other})  # type: ignore[arg-type]  # its fields


def taken_back(
    used: Card | None, tenge: int, lifecycle: str | None = None, element: str = "reverse", **other: object
) -> Reversal:
    """Take back `tenge` that was promised on a card, or of what is named as `subject`."""
    return Reversal(**{**_said(used, tenge, lifecycle, element), **other})  # type: ignore[arg-type]  # its fields


def _said(used: Card | None, tenge: int, lifecycle: str | None, element: str) -> dict[str, object]:
    return {
        "network": "narodnaya",
        "lifecycle": lifecycle or f"L-{ids.new()}",
        "element": element,
        "lane": FIRST_LANE,
        "card": used.id if used else None,
        "payment": PaymentId(ids.new()),
        "amount": kzt(tenge),
        "merchant": SHOP,
    }


_SOURCES = (voices.Programme(), voices.Spending())


async def book(desk: Desk, messages: Sequence[Message]) -> list[Answer | bool]:
    """Book with everybody who has a say in this package; who else has, the house knows (app/cards/swiping.py)."""
    return await booking.book(desk, messages, _SOURCES)


async def tell(money: Money, *messages: Message, at: datetime | None = None) -> list[Answer]:
    """Hand messages in as one entry of the batch, under a name never used before, and read the answers.

    `at` is when they come, where that is not now.
    """

    async def verb(desk: Desk, asked: Sequence[Message]) -> list[Answer | bool]:
        desk.now = at or desk.now
        return await book(desk, asked)

    def render(answers: Sequence[Answer | None]) -> Stored:
        return Stored(200, msgspec.json.encode(answers))

    reply = await money.submit(
        verb if at else book, messages, lanes=[FIRST_LANE], claim=claim("test", str(ids.new()), None), render=render
    )
    answers = msgspec.json.decode(reply.stored.body, type=list[Answer | bool])
    return [answer for answer in answers if isinstance(answer, Answer)]


async def balance(engines: Engines, used: Card) -> tuple[Amount, Amount]:
    """Answer what the card's wallet owns, and what of it is held."""
    async with engines.report.connect() as connection:
        row = (await connection.execute(_BALANCE, {"id": used.account})).one()
    return Amount(row.posted, KZT), Amount(row.hold_out, KZT)


async def operator(engines: Engines, purpose: str) -> Amount:
    """Answer what the operator's account of `purpose` stands at."""
    async with engines.report.connect() as connection:
        found = await connection.scalar(_OPERATOR, {"purpose": purpose})
    return Amount(found, KZT) if found is not None else zero(KZT)


_BALANCE = text("SELECT posted, hold_out FROM wallet.account WHERE id = :id")
_TOLD = text("SELECT kind FROM cards.event WHERE aggregate = :aggregate ORDER BY version")
_OPERATOR = text("SELECT sum(posted)::bigint FROM wallet.account WHERE holder IS NULL AND purpose = :purpose")
