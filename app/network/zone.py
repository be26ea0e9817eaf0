"""What a network and we prove to each other by: the keys of its zone, in the machine that keeps the keys of cards."""

import asyncio

import structlog

from app.cards.keys import CardKeys
from app.house import House
from app.network.books import LOST
from cards.hsm.keyblock import BadKeyBlock
from cards.hsm.port import Hsm, UnknownKey, Usage

_log = structlog.get_logger()
_LOOK_S = 20.0


class Zones:
    """The machine as the lines of this process see it: looked at often enough to know new keys before they are used."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.machine: Hsm | None = None

    @property
    def keys(self) -> CardKeys:
        """Give what makes, takes and stores keys."""
        return self._house.card_keys

    async def look(self) -> None:
        """Look for new keys once; raises what the database raises."""
        async with self._house.posting.connect() as connection:
            self.machine = await self.keys.machine(connection)

    async def watch(self) -> None:
        """Look again and again; while the database is away the keys that are known go on."""
        while True:
            try:
                await self.look()
            except LOST as error:
                _log.warning("card_keys_unread", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001  the keys that are known go on
                _log.error("card_keys_unread", error=type(error).__name__, exc_info=error)
            await asyncio.sleep(_LOOK_S)


class Zone:
    """The zone of one network."""

    def __init__(self, zones: Zones, network: str) -> None:
        self._zones, self._network = zones, network

    def prove(self, data: bytes) -> bytes:
        """Answer the MAC of a telegram; raises cards.hsm.port.UnknownKey where no key was ever exchanged."""
        if self._zones.machine is None:
            raise UnknownKey(Usage.ZONE_MAC, self._network, None)
        return self._zones.machine.mac(self._network, data)

    async def take_key(self, block: str) -> bool:
        """Take a key that the network sends, itself under a key; False where it is none for us."""
        try:
            await self._zones.keys.take(self._network, block)
        except (UnknownKey, BadKeyBlock):
            return False
        await self._zones.look()
        return True
