"""What networks are to be told about disputes is brought to them: leased, told under a key of its own, told again.

takes      cards/disputes/errand.py        claim()
shows      app/cards/dispute_errands.py    _show()          each file that was not shown yet
tells      app/cards/dispute_errands.py    _bring()         <- you are here, a step of the worker
           app/cards/processors.py         of_network()     whose line it is
hears      app/cards/disputing.py          hear()           what the network's answer says of the dispute

No transaction is open while the network is asked. One that did not answer may know or not: it is told the same again.
"""

import asyncio
from datetime import timedelta

import structlog

from app import clock, db, vault
from app.cards import disputing, processors
from app.house import House
from app.http import ids
from cards.disputes import dispute as disputes
from cards.disputes import errand, evidence, link, paid
from cards.disputes.dispute import Dispute
from cards.disputes.errand import Errand
from cards.disputes.evidence import Evidence
from cards.disputes.link import DisputeLink, File, Message, NotTaken, Unanswered

SIZE_MAX = 20
_LEASE = timedelta(seconds=60)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)

_log = structlog.get_logger()


async def step(house: House) -> int:
    """Tell what is due; answers how many messages were taken."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await errand.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    await asyncio.gather(*(_bring(house, each) for each in taken))
    return len(taken)


async def _bring(house: House, told: Errand) -> None:
    about, message = await _message(house, told)
    try:
        line = processors.of_network(house, about.network).disputes
        await _show(house, line, about, message)
        answer = await line.tell(about.network, link.key(message.dispute_id, told), message)
        for heard in answer.events:
            await disputing.hear(house, about, heard)
    except Unanswered as error:
        await _later(house, told, error.trouble)
    except disputing.Unheard:
        await _later(house, told, "the network says what does not go with the dispute")
    except Exception as error:  # noqa: BLE001  one dispute's fault must not stop the others; it stays due
        _log.error("dispute_errand_failed", dispute=str(told.dispute), exc_info=error)
        await _later(house, told, type(error).__name__)
    else:
        async with db.transaction(house.worker) as story:
            await errand.done(await story(), told, now=clock.real())


async def _show(house: House, line: DisputeLink, about: Dispute, message: Message) -> None:
    """Show what the network has not seen of it, a file at a time, opened with the key of whom it is about."""
    named = message.dispute_id
    async with db.transaction(house.worker) as story:
        waiting = await evidence.unshown(await story(), about.id, message.number)
    for file in waiting:
        async with db.transaction(house.api, holder=about.holder) as story:
            connection = await story()
            _, sealed = await evidence.content(connection, about.id, file.id)
            safe = await vault.existing(connection, house.keys.kms, about.holder)
        content = safe.open(sealed, table="cards.dispute_evidence", column="content", row=file.id)
        exhibit = link.Exhibit(dispute_id=named, file=_file(file), content=content)
        try:
            reference = await line.show(about.network, f"{named}/{file.sha256.hex()[:16]}", exhibit)
        except NotTaken as error:
            # What is said without it may still be heard in time; what waits for it never is.
            _log.error("dispute_file_refused", dispute=str(about.id), file=str(file.id), why=error.why)
            async with db.transaction(house.worker) as story:
                await evidence.not_taken(await story(), file, error.why, at=story.now)
            continue
        async with db.transaction(house.worker) as story:
            await evidence.shown(await story(), file, reference, at=story.now)


def _file(found: Evidence) -> File:
    return File(kind=found.kind, media=found.media, sha256=found.sha256.hex())


async def _message(house: House, told: Errand) -> tuple[Dispute, Message]:
    async with db.transaction(house.worker) as story:
        connection = await story()
        about = await disputes.find(connection, told.dispute)
        files = await evidence.behind(connection, told.dispute, told.number)
        payment = await paid.find(connection, about.payment)
    return about, Message(
        dispute_id=ids.show("dispute", about.id),
        number=told.number,
        kind=told.kind,
        lifecycle_id=payment.lifecycle,
        condition=about.rule.condition,
        amount_minor=told.amount_minor,
        currency=str(about.currency),
        evidence=tuple(_file(each) for each in files),
    )


async def _later(house: House, told: Errand, trouble: str) -> None:
    """Try again, later the more often it was tried."""
    due_at = clock.real() + min(_BACKOFF_FIRST * (1 << min(told.attempts, 20)), _BACKOFF_MAX)
    async with db.transaction(house.worker) as story:
        await errand.later(await story(), told, due_at=due_at, trouble=trouble)
