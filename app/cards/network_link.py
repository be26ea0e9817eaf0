"""The line to a card network that is a partner of ours, for disputes: its JSON interface, signed both ways.

port       cards/disputes/link.py       DisputeLink
tells      app/cards/network_link.py    NetworkLink      <- you are here
           simulators/chargebacks.py    plays the other end
"""

from typing import TypeVar

import msgspec

from app import db
from app.house import House
from app.partners import json_bank, registry
from app.partners.registry import UnknownPartner
from cards.disputes.link import Exhibit, Has, Message, Told, Unanswered

Answer = TypeVar("Answer", Told, Has)


class NetworkLink:
    """The line to whichever network is named."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def show(self, network: str, key: str, exhibit: Exhibit) -> str:
        """Show a file once for ever under `key`; raises Unanswered."""
        path = f"/disputes/{exhibit.dispute_id}/evidence"
        answer = await self._ask(network, path, key, msgspec.json.encode(exhibit, order="deterministic"), Has)
        if answer.sha256 != exhibit.file.sha256:
            raise Unanswered("it has another file")
        return answer.reference

    async def tell(self, network: str, key: str, message: Message) -> Told:
        """Tell once for ever under `key`; raises Unanswered."""
        answer = await self._ask(network, "/disputes", key, msgspec.json.encode(message, order="deterministic"), Told)
        if answer.dispute_id != message.dispute_id:
            raise Unanswered("answered about something else")
        return answer

    async def _ask(self, network: str, path: str, key: str, body: bytes, kind: type[Answer]) -> Answer:
        try:
            async with db.transaction(self._house.worker) as story:
                partner = await registry.find(await story(), network)
        except UnknownPartner as error:
            raise Unanswered("no such network is enrolled") from error
        answer = await json_bank.ask(self._house, partner, path, kind, named=key, body=body)
        if not isinstance(answer, kind):
            raise Unanswered(getattr(answer, "trouble", "the network does not know the address"))
        return answer
