"""The machine in memory: what an HSM does with the keys of the cards, for demo, test and a sandbox of small sums.

Its keys are stored wrapped by the Kms (store.py) and are in clear in the memory of the process alone; a licensed
programme puts a certified machine behind the same port.
"""

import hmac
from collections.abc import Iterable
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.ciphers import algorithms

from cards.hsm import des, emv, letter, pinblock, verification, weak
from cards.hsm.letter import BadLetter
from cards.hsm.material import Key, Material
from cards.hsm.pinblock import BadBlock, Format
from cards.hsm.port import Bound, Plate, Pvv, UnknownKey, Usage
from cards.proofs.pan import Pan
from cards.proofs.presented import Bytes, Code, PinBlock

_MAC_BYTES = 8
_AUTHENTICATION_MAC_BYTES = 14
#: Says that the value is of our own making and layout (byte 1), and with which version of the key (byte 2).
_OURS = b"\x93"


class SoftHsm:
    """See cards.hsm.port.Hsm."""

    def __init__(self, keys: Iterable[Material] = ()) -> None:
        """Take the keys there are."""
        self._keys: dict[Key, Material] = {}
        self._newest: dict[tuple[Usage, str], int] = {}
        self._last: dict[tuple[Usage, str], int] = {}
        self.admit(keys)

    def admit(self, keys: Iterable[Material]) -> None:
        """Take more keys."""
        for each in keys:
            usage, zone, version = each.key
            self._keys[each.key] = each
            self._last[usage, zone] = max(version, self.last(usage, zone))
            if each.ripe:
                self._newest[usage, zone] = max(version, self._newest.get((usage, zone), 0))

    def material(self, usage: Usage, version: int | None = None, zone: str = "") -> Material:
        """Answer a key, to wrap it for storing or for a zone (material.py); raises UnknownKey."""
        found = self._keys.get(Key(usage, zone, version or self._newest.get((usage, zone), 0)))
        if found is None:
            raise UnknownKey(usage, zone, version)
        return found

    def last(self, usage: Usage, zone: str = "") -> int:
        """Answer the highest version there is, which may make nothing yet; 0 where there is none."""
        return self._last.get((usage, zone), 0)

    def newest(self, usage: Usage, zone: str = "") -> int:
        """See Hsm."""
        return self.material(usage, zone=zone).key.version

    def check_value(self, usage: Usage, version: int, zone: str = "") -> str:
        """See Hsm."""
        return self.material(usage, version, zone).check_value

    # -- codes of a card -----------------------------------------------------------------------------------------------

    def code(self, plate: Plate, service: str) -> Code:
        """See Hsm."""
        key = self.material(Usage.CODES, plate.version).value
        return Code(verification.code(key, plate.number.digits, plate.expires_on, service))

    def code_at(self, plate: Plate, at: datetime) -> Code:
        """See Hsm."""
        return self._code_at(plate, at, back=0)

    def is_code(self, plate: Plate, service: str, presented: Code) -> bool:
        """See Hsm."""
        return des.same(self.code(plate, service).value, presented.value)

    def is_code_at(self, plate: Plate, at: datetime, presented: Code) -> bool:
        """See Hsm."""
        found = [des.same(self._code_at(plate, at, back=back).value, presented.value) for back in (0, 1)]
        return any(found)

    def _code_at(self, plate: Plate, at: datetime, *, back: int) -> Code:
        key = self.material(Usage.CODES, plate.version).value
        return Code(verification.code_at(key, plate.number.digits, plate.expires_on, at, back=back))

    # -- PINs ----------------------------------------------------------------------------------------------------------

    def pin_value(self, number: Pan, given: PinBlock | str, *, card: str) -> Pvv:
        """See Hsm."""
        pin = self._written(given, card) if isinstance(given, str) else self._typed(number, given)
        weak.check(pin, number.digits)
        version = self.newest(Usage.PIN_VALUES)
        return Pvv(Bytes(self._pvv(number, pin, version)), version)

    def is_pin(self, number: Pan, block: PinBlock, stored: Pvv) -> bool:
        """See Hsm."""
        pin = self._typed(number, block)
        found = self._pvv(number, pin, stored.version)
        # The value covers four digits; a longer PIN that begins like the right one is not the right one.
        return (len(pin) == weak.DIGITS) & des.same(found, stored.value.value)

    def translate(self, block: Bytes, number: Pan, *, zone: str, format_: Format, to: str) -> PinBlock:
        """See Hsm."""
        pin = self._decoded(format_, zone, block, number)
        key = self.material(Usage.ZONE_PIN, zone=to).value
        return PinBlock(block=Bytes(pinblock.encode(Format.ISO_4, key, pin, number.digits)), zone=to)

    def _pvv(self, number: Pan, pin: str, version: int) -> bytes:
        key = self.material(Usage.PIN_VALUES, version).value
        return verification.pvv(key, (version - 1) % 6 + 1, number.digits, pin).encode()

    def _typed(self, number: Pan, block: PinBlock) -> str:
        return self._decoded(Format.ISO_4, block.zone, block.block, number)

    def _decoded(self, format_: Format, zone: str, block: Bytes, number: Pan) -> str:
        key = self.material(Usage.ZONE_PIN, zone=zone)
        if key.algorithm != ("A" if format_ is Format.ISO_4 else "T"):
            raise BadBlock
        return pinblock.decode(format_, key.value, block.value, number.digits)

    def _written(self, text: str, card: str) -> str:
        material = self._letter_key(letter.kid(text))
        try:
            told = msgspec.json.decode(letter.open_(material.private(), text), type=_Letter)
        except msgspec.DecodeError as error:
            raise BadLetter from error
        if told.card_id != card:
            raise BadLetter
        return told.pin

    # -- chips ---------------------------------------------------------------------------------------------------------

    def is_cryptogram(self, plate: Plate, sequence: str, chip: emv.Chip) -> bool:
        """See Hsm."""
        return des.same(emv.cryptogram(self._card_key(plate, sequence), chip), chip.cryptogram)

    def answer_chip(self, plate: Plate, sequence: str, chip: emv.Chip, *, response: str) -> bytes:
        """See Hsm."""
        # The card goes on, counters reset; what the response code says is in the field of its own (field 39).
        status = b"\x00\x82\x00\x00" if response == "00" else bytes(4)
        return emv.answer(self._card_key(plate, sequence), chip, response=response, status=status)

    def _card_key(self, plate: Plate, sequence: str) -> bytes:
        master = self.material(Usage.CRYPTOGRAMS, plate.version).value
        return emv.card_key(master, plate.number.digits, sequence)

    # -- 3-D Secure ----------------------------------------------------------------------------------------------------

    def authentication(self, number: Pan, bound: Bound) -> Bytes:
        """See Hsm."""
        return self._authentication(number, bound, self.newest(Usage.AUTHENTICATIONS))

    def is_authentication(self, number: Pan, bound: Bound, presented: Bytes) -> bool:
        """See Hsm."""
        if len(presented.value) < len(_OURS) + 1 or presented.value[:1] != _OURS:
            return False
        try:
            made = self._authentication(number, bound, presented.value[1])
        except UnknownKey:
            return False
        return des.same(made.value, presented.value)

    def _authentication(self, number: Pan, bound: Bound, version: int) -> Bytes:
        amount = (bound.amount.minor, str(bound.amount.currency))
        covered = msgspec.json.encode([number.digits, bound.challenge, bound.sequence, bound.merchant, amount])
        made = hmac.digest(self.material(Usage.AUTHENTICATIONS, version).value, covered, "sha256")
        head = _OURS + bytes([version]) + bound.sequence.to_bytes(4)
        return Bytes(head + made[:_AUTHENTICATION_MAC_BYTES])

    # -- others --------------------------------------------------------------------------------------------------------

    def mac(self, zone: str, data: bytes) -> bytes:
        """See Hsm."""
        key = self.material(Usage.ZONE_MAC, zone=zone).value
        return des.cmac(algorithms.AES(key), data)[:_MAC_BYTES]

    def letter_keys(self) -> list[dict[str, str]]:
        """See Hsm."""
        # A phone that asked a moment before a rotation writes to the key before the newest.
        newest = self.newest(Usage.LETTERS)
        known = [self.material(Usage.LETTERS, version) for version in range(newest, max(newest - 2, 0), -1)]
        return [letter.public(each.private(), _kid(each.key.version)) for each in known]

    def _letter_key(self, kid: str) -> Material:
        newest = self.newest(Usage.LETTERS)
        for version in (newest, newest - 1):
            if version and kid == _kid(version):
                return self.material(Usage.LETTERS, version)
        raise BadLetter


class _Letter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a phone writes about a PIN."""

    card_id: str
    pin: str

    def __post_init__(self) -> None:
        if len(self.pin) != weak.DIGITS or not (self.pin.isascii() and self.pin.isdecimal()):
            raise ValueError("a PIN has four digits")

    def __repr__(self) -> str:
        return f"_Letter({self.card_id})"


def _kid(version: int) -> str:
    return f"card-letters-{version}"
