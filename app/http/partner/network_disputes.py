"""The card network tells what becomes of a dispute: proved before it is read, acted on once.

route      app/http/partner/network_disputes.py    POST /v1/networks/{network}/disputes/{dispute_id}/events   <- here
hears      app/cards/disputing.py                  hear()
decides    cards/disputes/acting.py                act()
"""

from typing import Annotated
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import db
from app.cards import disputing
from app.house import House
from app.http import ids
from app.http.partner.network import proved
from app.http.wire import Wire
from cards.disputes import dispute as disputes
from cards.disputes import link
from cards.disputes.dispute import UnknownDispute
from cards.disputes.life import State
from cards.disputes.link import EventKind, Heard


class DisputeEvent(Wire, frozen=True):
    """What happened at the network; `amount_minor` null is all of it, and a ruling of 0 is lost."""

    event_id: Annotated[link.Name, Meta(description="The network's own name for it.", examples=["CB-1-accepted"])]
    kind: Annotated[EventKind, Meta(examples=["accepted"])]
    amount_minor: Annotated[link.Minor | None, Meta(examples=[150_000])] = None
    reason: Annotated[link.Word | None, Meta(examples=["proof_of_delivery"])] = None


class DisputeHeard(Wire, frozen=True):
    """The dispute as it is now."""

    dispute_id: Annotated[str, Meta(examples=["dispute_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[State, Meta(examples=["chargeback"])]


@post(
    "/v1/networks/{network:str}/disputes/{dispute_id:str}/events",
    operation_id="tellDisputeEvent",
    opt={"scope": "public", "signed": True, "answers": "signed", "quota": "signed"},
    guards=[proved],
    tags=["Card network"],
    summary="The network tells of a dispute",
    status_code=200,
)
async def tell(
    network: FromPath[str], dispute_id: FromPath[str], data: JSONBody[DisputeEvent], house: NamedDependency[House]
) -> Response[DisputeHeard]:
    """Act on what the network says of a dispute it was told about; told twice, it happens once."""
    wanted = ids.parse("dispute", dispute_id)
    about = await _of(house, network, wanted)
    heard = Heard(event_id=data.event_id, kind=data.kind, amount_minor=data.amount_minor, reason=data.reason)
    await disputing.hear(house, about, heard)
    return Response(DisputeHeard(dispute_id=dispute_id, state=(await _of(house, network, wanted)).state))


async def _of(house: House, network: str, wanted: UUID) -> disputes.Dispute:
    """Load a dispute of this network's own; raises UnknownDispute."""
    async with db.transaction(house.worker) as story:
        found = await disputes.find(await story(), wanted)
    if found.network != network:
        raise UnknownDispute
    return found


routes = [tell]
