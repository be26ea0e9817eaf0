"""Every hop of a dispute: decided by its life, done with its money, written with its evidence, in one batch.

batches    app/cards/disputing.py      submit()
decides    cards/disputes/acting.py    act()            <- you are here, a verb for app/batch.py
does       cards/disputes/acts.py      take()
moves      cards/disputes/legs.py      Mover            -> wallet/desk.py
tells      cards/disputes/errand.py    rows that app/cards/dispute_errands.py brings to the network
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from cards import tables as cards_tables
from cards.disputes import acts, errand, legs, storing
from cards.disputes import dispute as disputes
from cards.disputes.acts import MissingEvidence
from cards.disputes.dispute import Dispute, Hop, TooLate, UnknownDispute
from cards.disputes.legs import Mover, NotEnough
from cards.disputes.life import Act, WrongState
from cards.disputes.storing import Known
from cards.disputes.work import BadAmount, Work
from proof import journal
from wallet import transfer
from wallet.desk import Desk
from wallet.transfer import AccountId, Refused


class Doing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to happen to a dispute, by whom. `source` is the network's name for it, by which it happens once.

    `minor` is how much it is about, all of it where that is None. `found` says that the worker found it due: should it
    not be any more, nothing happens; should it be for another amount, that one counts.
    """

    dispute: UUID
    act: Act
    actor: str
    minor: int | None = None
    source: str | None = None
    why: str | None = None
    found: bool = False


Answer = Dispute | UnknownDispute | WrongState | MissingEvidence | BadAmount | TooLate | Refused


async def act(desk: Desk, asked: Sequence[Doing]) -> list[Answer]:
    """Do what is asked one after the other, each seeing what those before it did: a verb for app/batch.py.

    What a source told before, and what is not due any more, is answered with the dispute as it is.
    """
    found = await disputes.lock(desk.db, sorted({doing.dispute for doing in asked}))
    known = await storing.known(desk.db, found)
    places = await legs.load(desk, list(found.values()))
    answers: list[Answer] = []
    for said in asked:
        about = found.get(said.dispute)
        if about is None:
            answers.append(UnknownDispute())
        elif said.source in known[about.id].sources or (doing := await _still(desk, about, said)) is None:
            answers.append(about)
        else:
            work = Work(Mover(desk, places, about), doing.act, known[about.id], desk.now, minor=doing.minor)
            refusal = _take(work)
            if refusal is None:
                found[about.id], known[about.id] = await _store(desk, work, doing)
            answers.append(refusal or found[about.id])
    return answers


def _take(work: Work) -> WrongState | MissingEvidence | BadAmount | TooLate | Refused | None:
    try:
        acts.take(work)
    except (WrongState, MissingEvidence, BadAmount, TooLate) as refusal:
        return refusal
    except NotEnough:
        return Refused(transfer.Reason.INSUFFICIENT_FUNDS)
    return None


async def _still(desk: Desk, about: Dispute, said: Doing) -> Doing | None:
    """Answer what is to be done of what was asked; None where the worker found it due and it is not any more."""
    if not said.found:
        return said
    if said.act is Act.SHRINK:
        # Another worker may have let go of it already, and another dispute of the payment with it.
        over = 0 if about.ended_at else min(await storing.over(desk.db, about), about.amount_minor)
        return msgspec.structs.replace(said, minor=over) if over > 0 else None
    if said.act is Act.COLLECT:
        has = desk.available(AccountId(about.account))
        return said if about.owed_minor and has is not None and has.minor > 0 else None
    due_at: datetime | None = getattr(about, CLOCKS[said.act])
    return said if due_at is not None and due_at <= desk.now else None


#: What the worker does when its time has come, and by which column it has.
CLOCKS = {
    Act.REMIND: "remind_at",
    Act.CREDIT: "credit_due_at",
    Act.TAKE_BACK: "take_back_at",
    Act.LAPSE: "due_at",
}


async def _store(desk: Desk, work: Work, doing: Doing) -> tuple[Dispute, Known]:
    """Write down what was done; answers the dispute, and what is known of it, afterwards."""
    about = work.at
    hop = Hop(
        dispute=about.id,
        number=work.before.version,
        holder=about.holder,
        act=work.act,
        state=about.state,
        amount_minor=work.amount,
        evidence=work.known.unnamed,
        source=doing.source,
        why=doing.why,
        actor=doing.actor,
        at=desk.now,
        due_at=about.due_at,
    )
    await storing.write(desk.db, work.before, about, hop)
    if work.errand is not None:
        await errand.add(desk.db, work.errand)
    facts = (
        journal.Fact(aggregate=about.id, holder=about.holder, at=desk.now, actor=doing.actor, event=event)
        for event in work.facts
    )
    await journal.append(desk.db, cards_tables.event, *facts)
    filed = work.known.filed or work.files
    sources = work.known.sources | ({doing.source} if doing.source else set())
    return about, msgspec.structs.replace(work.known, unnamed=(), sources=sources, filed=filed)
