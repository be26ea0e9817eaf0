"""The number of a card and its PIN: what only the holder may see or set, and only by a letter nobody else can read.

path   POST /v1/cards/{id}/reveals         ->  cards/processing/processor.py reveal()  of whoever processes the card
       POST /v1/cards/{id}/pin             ->  the same                set_pin()
       POST /v1/cards/{id}/pin/unblocking  ->  the same                unblock_pin()
       POST /v1/card-reveals/{id}/number   ->  cards/proofs/reveal.py  show()

Each is confirmed with the passkey, over the very key or letter that is used. No answer with a number in it is stored.
"""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app.auth import stepup
from app.auth.principal import Principal
from app.cards import letters, processors
from app.cards.letters import DeviceKey
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import Card
from cards.processing.processor import Device, Shown
from cards.programme import change
from cards.proofs import reveal
from cards.proofs.pin import Pin, Standing

_READ: dict[str, Any] = {"opt": {"scope": "cards:read"}, "tags": ["Cards"]}
_WRITE: dict[str, Any] = {"opt": {"scope": "cards:write"}, "tags": ["Cards"]}

Letter = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.+/=-]+$(?!\n)",
        min_length=16,
        max_length=2_048,
        description="A JWE (ECDH-ES, A256GCM) to a key of GET /v1/card-keys; what its own library made, elsewhere.",
        examples=["eyJhbGciOiJFQ0RILUVTIn0..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYI.XFBoMYUZodetZdvTiFvSkQ"],
    ),
]


class AskReveal(Wire, frozen=True):
    """The key the number is written to, and the passkey's answer over `card.reveal`.

    What is confirmed: the last four digits and the id of the card, and the thumbprint of the key (RFC 7638).
    """

    device_key: DeviceKey
    step_up: stepup.Confirmation | None = None


class RevealView(Wire, frozen=True):
    """A look that was confirmed: one answer of `POST /v1/card-reveals/{id}/number`, within a minute."""

    id: Annotated[str, Meta(examples=["reveal_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    expires_at: datetime


class NumberView(Wire, frozen=True):
    """A JWE to the device's key. In it: `pan`, `expiry` (year and month), `cvv2`, `cvv2_expires_at`."""

    jwe: Annotated[str, Meta(examples=["eyJhbGciOiJFQ0RILUVTIn0..48V1_ALb6US04U3b.5eym8TW_c8SuK.XFBoMYUZodetZdvT"])]


class LetterKey(Wire, frozen=True):
    """A public key of the house (RFC 7517)."""

    kty: Annotated[str, Meta(examples=["EC"])]
    crv: Annotated[str, Meta(examples=["P-256"])]
    x: str
    y: str
    kid: Annotated[str, Meta(examples=["card-letters-1"])]
    use: Annotated[str, Meta(examples=["enc"])]
    alg: Annotated[str, Meta(examples=["ECDH-ES"])]


class LetterKeys(Wire, frozen=True):
    """The keys letters may be written to, the newest first: write to that one."""

    keys: list[LetterKey]


class SetPin(Wire, frozen=True):
    """A letter with `{"card_id": …, "pin": "…"}`, and the passkey's answer over `card.pin`.

    What is confirmed: the last four digits and the id of the card, and SHA-256 of the letter as hexadecimal digits.
    """

    letter: Letter
    step_up: stepup.Confirmation | None = None


class UnblockPin(Wire, frozen=True):
    """The passkey's answer over `card.pin_unblock`: the last four digits and the id of the card."""

    step_up: stepup.Confirmation | None = None


class PinView(Wire, frozen=True):
    """Whether the card has a PIN, and how many wrong ones may still be typed. Never the PIN.

    `elsewhere`: whoever processes the card keeps it, and says nothing of it.
    """

    standing: Annotated[Standing, Meta(examples=["ok"])]
    tries_left: Annotated[int, Meta(ge=0, le=3, examples=[3])]
    set_at: datetime | None = None

    @classmethod
    def of(cls, found: Pin) -> "PinView":
        """Show what there is."""
        return cls(standing=found.standing, tries_left=found.tries_left, set_at=found.set_at)


class _Number(msgspec.Struct, frozen=True):
    pan: str
    expiry: str
    cvv2: str
    cvv2_expires_at: datetime

    def __repr__(self) -> str:
        return "_Number(…)"


@get("/v1/card-keys", operation_id="getCardKeys", summary="Where letters to the house are written to", **_READ)
async def get_keys(story: NamedDependency[Story], house: NamedDependency[House]) -> LetterKeys:
    """Give the public keys that PINs are encrypted to. They change every month; the last one opens for a month more."""
    hsm = await house.card_keys.machine(await story())
    return LetterKeys(keys=[LetterKey(**key) for key in hsm.letter_keys()])


@post("/v1/cards/{card_id:str}/reveals", operation_id="askCardReveal", summary="Ask to see the number", **_WRITE)
async def ask_reveal(
    card_id: FromPath[str],
    data: JSONBody[AskReveal],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[RevealView]:
    """Confirm a look at the number: for one answer, to one key of the device, within a minute."""

    async def act(story: Story) -> RevealView:
        db = await story()
        card = await change.locked(db, ids.parse("card", card_id))
        shown = {**_shown(card), "device_key": data.device_key.thumbprint()}
        await stepup.redeem(db, house.settings, me, operation="card.reveal", shown=shown, confirmation=data.step_up)
        by, device = await processors.asking(story, me.actor), Device(key=msgspec.json.encode(data.device_key))
        opening = await processors.of(house, card.processor).reveal(by, card, device)
        granted = await opening()
        return RevealView(id=granted.secret.text, expires_at=granted.expires_at)

    return await once(act)


@post(
    "/v1/card-reveals/{reveal_id:str}/number",
    operation_id="showCardNumber",
    summary="See the number",
    status_code=200,
    **_WRITE,
)
async def show_number(
    reveal_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[NumberView]:
    """Use a look up: the number, the expiry and a CVV2 of the moment, for the device alone. The look is recorded."""
    # Without Idempotency-Key: a look is used once, and no answer is kept.
    db = await story()
    hsm = await house.card_keys.machine(db)
    shown = await reveal.show(
        db,
        ids.parse("reveal", reveal_id),
        hsm=hsm,
        keys=house.keys.kms,
        actor=me.actor,
        now=clock.real(),
        at=story.now,
    )
    content = _Number(shown.number.digits, f"{shown.expires_on:%Y-%m}", shown.code.value, shown.code_ends_at)
    return Response(NumberView(jwe=letters.to(shown.jwk, content)), headers={"Cache-Control": "no-store"})


@get("/v1/cards/{card_id:str}/pin", operation_id="getCardPin", summary="Whether there is a PIN", **_READ)
async def get_pin(
    card_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> PinView:
    """Say whether a card has a PIN, and how many wrong ones may still be typed."""
    card = await cards_card.find(await story(), ids.parse("card", card_id))
    by = await processors.asking(story, me.actor)
    return PinView.of(await processors.of(house, card.processor).pin(by, card))


@post("/v1/cards/{card_id:str}/pin", operation_id="setCardPin", summary="Set the PIN", status_code=200, **_WRITE)
async def set_pin(
    card_id: FromPath[str],
    data: JSONBody[SetPin],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[PinView]:
    """Give a card a PIN of four digits, with three tries. PINs that are easily guessed are refused."""

    async def act(story: Story) -> PinView:
        db = await story()
        card = await change.locked(db, ids.parse("card", card_id))
        shown = {**_shown(card), "letter_sha256": sha256(data.letter.encode()).hexdigest()}
        await stepup.redeem(db, house.settings, me, operation="card.pin", shown=shown, confirmation=data.step_up)
        by = await processors.asking(story, me.actor)
        return PinView.of(await processors.of(house, card.processor).set_pin(by, card, Shown(data.letter)))

    return await once(act)


@post(
    "/v1/cards/{card_id:str}/pin/unblocking",
    operation_id="unblockCardPin",
    summary="Let the PIN be tried again",
    status_code=200,
    **_WRITE,
)
async def unblock_pin(
    card_id: FromPath[str],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    data: JSONBody[UnblockPin | None] = None,
) -> Response[PinView]:
    """Give a PIN that was typed wrong three times its tries back."""

    async def act(story: Story) -> PinView:
        db = await story()
        card = await change.locked(db, ids.parse("card", card_id))
        confirmation = data.step_up if data else None
        await stepup.redeem(
            db, house.settings, me, operation="card.pin_unblock", shown=_shown(card), confirmation=confirmation
        )
        by = await processors.asking(story, me.actor)
        return PinView.of(await processors.of(house, card.processor).unblock_pin(by, card))

    return await once(act)


def _shown(card: Card) -> stepup.Shown:
    return {"card": card.last4, "card_id": ids.show("card", card.id)}


routes = [get_keys, ask_reveal, show_number, get_pin, set_pin, unblock_pin]
