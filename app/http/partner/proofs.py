"""What is presented with a question, as a network writes it over HTTP: the same as in ISO 8583, field by field."""

import base64
import binascii
from typing import Annotated

from msgspec import Meta

from app.http.wire import Wire
from cards.proofs.pan import NotAPan, Pan
from cards.proofs.presented import NOTHING, Bytes, Cavv, Chip, Code, PinBlock, Presented, Track

_Digits = Annotated[str, Meta(pattern=r"^[0-9]{3,4}$(?!\n)", examples=["123"])]
_Reference = Annotated[str, Meta(pattern=r"^[!-~]{1,64}$(?!\n)", examples=["DNITHE302611200001"])]
#: An ISO 9564 format 4 block under the PIN key shared with the network.
PinBlockHex = Annotated[str, Meta(pattern=r"^[0-9A-F]{32}$(?!\n)", examples=["7CDF645C86CAF763AE34637A66997534"])]


class TrackWire(Wire, frozen=True):
    """What was read of a stripe, or of a chip's picture of one."""

    service: Annotated[str, Meta(pattern=r"^[0-9]{3}$(?!\n)", examples=["201"])]
    cvv: _Digits


class ChipWire(Wire, frozen=True):
    """What the chip said: field 55 of ISO 8583, and the sequence number of the card (field 23)."""

    field55: Annotated[
        str, Meta(pattern=r"^([0-9A-F]{2}){1,255}$(?!\n)", examples=["9F2608C2C12B098F3DA6E39F3602001F"])
    ]
    sequence: Annotated[str, Meta(pattern=r"^[0-9]{2}$(?!\n)", examples=["00"])] = "00"


class ProofsWire(Wire, frozen=True):
    """Everything that was presented; what was not is absent. None of it is kept.

    `pin_block` is in format 4 under the network's PIN key, `authentication_value` what 3-D Secure ended with, `token`
    the reference of a wallet's token.
    """

    cvv2: _Digits | None = None
    track: TrackWire | None = None
    chip: ChipWire | None = None
    pin_block: PinBlockHex | None = None
    authentication_value: (
        Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{27}=$(?!\n)", examples=["kwEAAAABq83vEjRWeJCrze8SNFY="])] | None
    ) = None
    token: _Reference | None = None

    def __repr__(self) -> str:
        return "ProofsWire(…)"


def presented(proofs: ProofsWire | None, *, number: str, network: str) -> Presented:
    """Read them, over the number they came with."""
    if proofs is None:
        return NOTHING
    track, chip, block, value = proofs.track, proofs.chip, proofs.pin_block, proofs.authentication_value
    return Presented(
        number=_number(number),
        cvv2=Code(proofs.cvv2) if proofs.cvv2 else None,
        track=Track(service=track.service, code=Code(track.cvv)) if track else None,
        chip=Chip(field55=Bytes(bytes.fromhex(chip.field55)), sequence=chip.sequence) if chip else None,
        pin=pin_block(block, network) if block else None,
        cavv=Cavv(value=Bytes(_decoded(value))) if value else None,
        token=proofs.token,
    )


def pin_block(block: str, network: str) -> PinBlock:
    """Read a block of a network."""
    return PinBlock(block=Bytes(bytes.fromhex(block)), zone=network)


def _number(digits: str) -> Pan | None:
    try:
        return Pan(digits)
    except NotAPan:
        return None


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:  # the last digit has bits that nothing writes
        return b""
