"""What a card presents: a machine with keys of its own, a zone that types PINs, and a chip that counts."""

from datetime import datetime

from sqlalchemy import text

from app import db
from cards.card import Card
from cards.hsm import emv, material, pinblock, tlv
from cards.hsm.material import Key
from cards.hsm.pinblock import Format
from cards.hsm.port import OWN, Plate, Usage
from cards.hsm.soft import SoftHsm
from cards.proofs import pan
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes, Chip, Code, PinBlock, Presented, Track
from law.money import Money
from proof.kms import Kms
from tests.cards import made
from tests.conftest import Engines

ZONE = "narodnaya"
STRIPE = "201"


def hsm() -> SoftHsm:
    """Make a machine with the house's keys and those of one zone."""
    shared = [Key(usage, ZONE, 1) for usage in (Usage.ZONE_PIN, Usage.ZONE_MAC, Usage.ZONE_KEYS)]
    return SoftHsm(material.make(key, made.AT) for key in (*(Key(usage, "", 1) for usage in OWN), *shared))


async def number(engines: Engines, used: Card, keys: Kms = made.KEYS) -> Pan:
    """Read the number of a card as its holder may."""
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        kept = await pan.read(await story(), keys, used.id)
    assert kept is not None
    return kept.number


class Plastic:
    """A card in somebody's hand, or a copy of one."""

    def __init__(self, machine: SoftHsm, used: Card, read: Pan, version: int = 1) -> None:
        self._hsm = machine
        self.plate = Plate(read, used.expires_on, version)
        self.counter = 0

    def of_now(self, at: datetime) -> Presented:
        """Type the CVV2 of the moment into a shop's page."""
        return Presented(number=self.plate.number, cvv2=self._hsm.code_at(self.plate, at))

    def typed(self, cvv2: str) -> Presented:
        """Type some CVV2 into a shop's page."""
        return Presented(number=self.plate.number, cvv2=Code(cvv2))

    def swiped(self, service: str = STRIPE, code: Code | None = None) -> Presented:
        """Pull the stripe through a reader."""
        track = Track(service=service, code=code or self._hsm.code(self.plate, service))
        return Presented(number=self.plate.number, track=track)

    def inserted(
        self, amount: Money, *, pin: str | None = None, counter: int | None = None, tags: dict[str, bytes] | None = None
    ) -> Presented:
        """Put the chip into a terminal, and maybe type a PIN; `tags` are what it says otherwise."""
        self.counter = self.counter + 1 if counter is None else counter
        chip = Chip(field55=Bytes(tlv.dump(self._field55(amount, tags or {}))))
        return Presented(number=self.plate.number, chip=chip, pin=self.pin(pin) if pin else None)

    def pin(self, pin: str, key: bytes | None = None) -> PinBlock:
        """Type a PIN into a terminal of the zone."""
        key = key or self._hsm.material(Usage.ZONE_PIN, zone=ZONE).value
        block = pinblock.encode(Format.ISO_4, key, pin, self.plate.number.digits)
        return PinBlock(block=Bytes(block), zone=ZONE)

    def _field55(self, amount: Money, more: dict[str, bytes]) -> dict[str, bytes]:
        tags = {
            "9F02": bytes.fromhex(f"{amount.minor:012d}"),
            "9F03": bytes(6),
            "9F1A": bytes.fromhex("0398"),
            "95": bytes(5),
            "5F2A": bytes.fromhex(f"{amount.currency.numeric:04d}"),
            "9A": bytes.fromhex("261122"),
            "9C": b"\0",
            "9F37": b"\x11\x22\x33\x44",
            "82": bytes.fromhex("1800"),
            "9F36": self.counter.to_bytes(2),
            "9F10": bytes.fromhex("06011203A0B800"),
            **more,
        }
        master = self._hsm.material(Usage.CRYPTOGRAMS, self.plate.version).value
        chip = emv.read({**tags, "9F26": bytes(8)})
        said = emv.cryptogram(emv.card_key(master, self.plate.number.digits, "00"), chip)
        return {**tags, "9F26": said}


async def set_pin(engines: Engines, machine: SoftHsm, used: Card, pin: str) -> None:
    """Give a card a PIN, as its holder may."""
    read = await number(engines, used)
    stored = machine.pin_value(read, Plastic(machine, used, read).pin(pin), card="")
    async with db.transaction(engines.api, holder=used.holder, audience="resident") as story:
        connection = await story()
        await connection.execute(
            text("SELECT card_vault.set_pin(:card, :pvv, :version, :at)"),
            {"card": used.id, "pvv": stored.value.value, "version": stored.version, "at": made.AT},
        )
