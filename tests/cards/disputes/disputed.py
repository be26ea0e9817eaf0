"""Builders for tests of disputes: something bought, disputed, and what everybody says to it."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

from app import db, ids
from app.idempotency_key import Stored
from app.money import FIRST_LANE, Money, claim
from cards.card import Card
from cards.disputes import acting, dispute, due, evidence, legs, paid, write_off
from cards.disputes.acting import Answer, Doing
from cards.disputes.dispute import Dispute, Wanted
from cards.disputes.events import What
from cards.disputes.life import Act, State, Turn
from cards.disputes.reason import REVIEWED_ABOVE, RULES, Proof, Reason
from cards.disputes.write_off import Deciding, WriteOff
from cards.payments import message
from cards.payments.payment import Payment
from law.money import KZT
from law.money import Money as Amount
from tests.cards import made
from tests.conftest import Engines
from tests.wallet.ledgers import kzt

NETWORK = "network:narodnaya"
OFFICER = "officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"
OTHER = "officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f71"
SYSTEM = "system"
#: In tenge: more than goes to the network without an officer's eyes.
UNSEEN = REVIEWED_ABOVE.minor // 100 + 1
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 16 + b"\xff\xd9"


def imagined(state: State, turn: Turn, **more: Any) -> Dispute:  # noqa: ANN401  the fields of Dispute
    """Make up a dispute in memory, in time for whoever's turn it is."""
    since_on = more.get("since_on", made.AT.date())
    terms = {Turn.PERSON: RULES[Reason.DUPLICATE].claim_days, Turn.HOUSE: 30, Turn.NETWORK: 30}
    waits = turn in terms and state is not State.ARBITRATION
    fields: dict[str, Any] = {
        "id": ids.new(),
        "lane": FIRST_LANE,
        "holder": ids.new(),
        "card": ids.new(),
        "payment": ids.new(),
        "account": ids.new(),
        "network": "narodnaya",
        "reason": Reason.DUPLICATE,
        "amount_minor": 100_00,
        "currency": KZT,
        "since_on": since_on,
        "state": state,
        "turn": turn,
        "version": 1,
        "opened_at": made.AT,
        "due_at": dispute.ends(since_on + timedelta(days=terms[turn])) if waits else None,
    }
    return Dispute(**fields | more)


async def bought(engines: Engines, money: Money, tenge: int, left: int = 0) -> tuple[Card, Payment]:
    """Let somebody pay `tenge` with a card, and have `left` in the wallet afterwards."""
    card = await made.spender(engines, money, tenge + left)
    cleared = made.cleared(card, tenge)
    [answer] = await made.tell(money, cleared)
    return card, await payment(engines, answer.payment)


async def payment(engines: Engines, wanted: UUID) -> Payment:
    """Read a payment."""
    async with db.transaction(engines.worker) as story:
        return await paid.find(await story(), wanted)


async def opened(
    engines: Engines,
    about: Payment,
    tenge: int,
    reason: Reason = Reason.DUPLICATE,
    expected_on: date | None = None,
) -> Dispute:
    """Begin a dispute as the holder would."""
    wanted = Wanted(id=ids.new(), reason=reason, amount=kzt(tenge), expected_on=expected_on)
    async with db.transaction(engines.api, holder=about.holder, audience="resident") as story:
        return await dispute.open_(await story(), about, wanted, actor=f"resident:{about.holder}", at=story.now)


async def shown(engines: Engines, about: Dispute, *proofs: Proof) -> None:
    """Hand files in as the holder would, each another one."""
    by = f"resident:{about.holder}"
    async with db.transaction(engines.api, holder=about.holder, audience="resident") as story:
        for proof in proofs:
            content = JPEG[:4] + ids.new().bytes + JPEG[-2:]
            file = evidence.told(about, ids.new(), proof, content, media="image/jpeg", by=by, at=story.now)
            await evidence.add(await story(), about, file, b"sealed")


async def submitted(engines: Engines, money: Money, about: Payment, tenge: int, reason: Reason) -> Dispute:
    """Begin a dispute and hand it in with everything that is needed."""
    draft = await opened(engines, about, tenge, reason)
    await shown(engines, draft, *draft.rule.needs)
    return await did(engines, money, draft, Act.HAND_IN)


async def late(engines: Engines, money: Money) -> tuple[Card, Dispute]:
    """Let the house be late with a dispute that an officer had to see first: what was credited is its loss."""
    card, about = await bought(engines, money, UNSEEN)
    handed = await submitted(engines, money, about, UNSEEN, Reason.FRAUD_CARD_ABSENT)
    return card, await did(engines, money, handed, Act.LAPSE)


async def does(money: Money, *asked: Doing) -> list[str]:
    """Hand acts in as one entry of the batch; gives what came of each: a state, or the name of the refusal."""

    def render(answers: Sequence[Answer]) -> Stored:
        named = [
            str(answer.state) if isinstance(answer, Dispute) else getattr(answer, "reason", type(answer).__name__)
            for answer in answers
        ]
        return Stored(200, msgspec.json.encode(named))

    named = claim("test", str(ids.new()), None)
    reply = await money.submit(acting.act, asked, lanes=[FIRST_LANE], claim=named, render=render)
    return msgspec.json.decode(reply.stored.body, type=list[str])


def doing(about: Dispute, act: Act, **more: Any) -> Doing:  # noqa: ANN401  the fields of Doing
    """Say that somebody does something, with the name of whose word it takes."""
    network = act in {Act.ACCEPT, Act.REPRESENT, Act.CONTEST, Act.CONCEDE, Act.WIN, Act.LOSE}
    mine = act in {Act.HAND_IN, Act.WITHDRAW}
    actor = NETWORK if network else f"resident:{about.holder}" if mine else SYSTEM
    return Doing(**{"dispute": about.id, "act": act, "actor": actor, **more})


async def did(engines: Engines, money: Money, about: Dispute, *acts: Act | Doing) -> Dispute:
    """Let acts happen one after the other, none of them refused; gives the dispute afterwards."""
    for act in acts:
        asked = act if isinstance(act, Doing) else doing(about, act)
        [answer] = await does(money, asked)
        about = await read(engines, about.id)
        assert answer == about.state, f"{asked.act}: {answer}"
    return about


async def read(engines: Engines, wanted: UUID) -> Dispute:
    """Read a dispute."""
    async with db.transaction(engines.worker) as story:
        return await dispute.find(await story(), wanted)


async def wallet(engines: Engines, card: Card) -> Amount:
    """Say what the wallet of a card has."""
    posted, _ = await made.balance(engines, card)
    return posted


async def receivable(engines: Engines, about: Dispute) -> int:
    """Sum what of the dispute's moves stands in the dispute receivable: what the network still owes us, in tenge."""
    minor = await receivable_minor(engines, about)
    assert minor % 100 == 0, "asked for where whole tenge move"
    return minor // 100


async def receivable_minor(engines: Engines, about: Dispute) -> int:
    """Sum the same in minor units."""
    ours = [legs.move_id(about.id, version, leg) for version in range(1, about.version) for leg in legs.Leg]
    async with engines.report.connect() as connection:
        return int(await connection.scalar(_RECEIVABLE, {"ids": ours}) or 0)


async def refund(money: Money, card: Card, about: Payment, tenge: int) -> None:
    """Let the merchant send a part back by itself."""
    said = msgspec.structs.asdict(made.cleared(card, tenge, about.lifecycle, f"refund-{ids.new()}"))
    fields = {name: said[name] for name in message.Refund.__struct_fields__ if name in said}
    await made.tell(money, message.Refund(**fields))


async def refunded(engines: Engines, about: Dispute) -> list[Doing]:
    """Say what the worker finds that merchants gave back of a dispute."""
    async with db.transaction(engines.worker) as story:
        found = await due.refunded(await story(), limit=1_000)
    return [doing for each in found if each.dispute == about.id for doing in each.doings]


async def proposes(engines: Engines, about: Dispute, tenge: int, *, what: What = What.RECEIVABLE) -> WriteOff:
    """Let an officer propose that a loss is borne."""
    async with db.transaction(engines.api, audience="officer", actor=OFFICER) as story:
        connection = await story()
        proposed = WriteOff(
            id=ids.new(),
            dispute=about.id,
            what=what,
            amount_minor=tenge * 100,
            cause="unrecoverable",
            proposed_by=OFFICER,
            proposed_at=story.now,
        )
        return await write_off.propose(connection, about, proposed, at=story.now)


async def decides(money: Money, proposed: WriteOff, officer: str, *, agreed: bool = True) -> str:
    """Let an officer decide; gives the name of the answer."""

    def render(answers: Sequence[object]) -> Stored:
        return Stored(200, msgspec.json.encode(type(answers[0]).__name__))

    said = Deciding(proposed.id, agreed, officer)
    named = claim("test", str(ids.new()), None)
    reply = await money.submit(write_off.settle, [said], lanes=[FIRST_LANE], claim=named, render=render)
    return msgspec.json.decode(reply.stored.body, type=str)


async def facts(engines: Engines, aggregate: UUID) -> list[str]:
    """List the kinds of what happened."""
    return await made.told(engines, aggregate)


_RECEIVABLE = text(
    """
    SELECT coalesce(sum(CASE account.id WHEN transfer.debit THEN amount ELSE -amount END), 0)
    FROM wallet.transfer JOIN wallet.account
      ON account.lane = transfer.lane AND account.id IN (debit, credit) AND account.purpose = 'dispute_receivable'
    WHERE transfer.id = ANY (:ids)
    """
)
