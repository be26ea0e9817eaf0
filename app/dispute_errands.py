"""What networks are to be told about disputes is brought to them: leased, told under a key of its own, told again.

takes      cards/disputes/errand.py   claim()
tells      app/dispute_errands.py     NetworkLink      <- you are here, a step of the worker
hears      app/disputing.py           hear()           what the network's answer says of the dispute

No transaction is open while the network is asked. One that did not answer may know or not: it is told the same again.
"""

import asyncio
from datetime import timedelta

import msgspec
import structlog

from app import clock, db, disputing
from app.house import House
from app.http import ids
from app.partners import json_bank, registry
from app.partners.registry import UnknownPartner
from app.partners.stripe_issuing.disputing import StripeLink
from app.partners.stripe_issuing.issuer import CODE
from cards.disputes import dispute as disputes
from cards.disputes import errand, evidence, link, paid
from cards.disputes.dispute import Dispute
from cards.disputes.errand import Errand
from cards.disputes.link import DisputeLink, File, Message, Told, Unanswered

SIZE_MAX = 20
_LEASE = timedelta(seconds=60)
_BACKOFF_FIRST = timedelta(seconds=2)
_BACKOFF_MAX = timedelta(hours=1)

_log = structlog.get_logger()


class NetworkLink:
    """The line to a network that is a partner of ours: its JSON interface, signed both ways."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def tell(self, network: str, key: str, message: Message) -> Told:
        """Tell once for ever under `key`; raises Unanswered."""
        try:
            async with db.transaction(self._house.worker) as story:
                partner = await registry.find(await story(), network)
        except UnknownPartner as error:
            raise Unanswered("no such network is enrolled") from error
        body = msgspec.json.encode(message, order="deterministic")
        answer = await json_bank.ask(self._house, partner, "/disputes", Told, named=key, body=body)
        if not isinstance(answer, Told):
            raise Unanswered(getattr(answer, "trouble", "the network does not know the address"))
        if answer.dispute_id != message.dispute_id:
            raise Unanswered("answered about something else")
        return answer


async def step(house: House) -> int:
    """Tell what is due; answers how many messages were taken."""
    now = clock.real()
    async with db.transaction(house.worker) as story:
        taken = await errand.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    await asyncio.gather(*(_bring(house, each) for each in taken))
    return len(taken)


def line(house: House, network: str) -> DisputeLink:
    """Choose how a network is spoken to."""
    return StripeLink(house) if network == CODE else NetworkLink(house)


async def _bring(house: House, told: Errand) -> None:
    about, message = await _message(house, told)
    try:
        answer = await line(house, about.network).tell(about.network, link.key(message.dispute_id, told), message)
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


async def _message(house: House, told: Errand) -> tuple[Dispute, Message]:
    async with db.transaction(house.worker) as story:
        connection = await story()
        about = await disputes.find(connection, told.dispute)
        files = await evidence.of(connection, told.dispute)
        payment = await paid.find(connection, about.payment)
    return about, Message(
        dispute_id=ids.show("dispute", about.id),
        number=told.number,
        kind=told.kind,
        lifecycle_id=payment.lifecycle,
        condition=about.rule.condition,
        amount_minor=told.amount_minor,
        currency=str(about.currency),
        evidence=tuple(File(kind=each.kind, media=each.media, sha256=each.sha256.hex()) for each in files),
    )


async def _later(house: House, told: Errand, trouble: str) -> None:
    """Try again, later the more often it was tried."""
    due_at = clock.real() + min(_BACKOFF_FIRST * (1 << min(told.attempts, 20)), _BACKOFF_MAX)
    async with db.transaction(house.worker) as story:
        await errand.later(await story(), told, due_at=due_at, trouble=trouble)
