"""A card network asks for more than money: the holder's yes, a place in a wallet, another PIN at a terminal.

route      app/http/partner/card_proofs.py    POST /v1/networks/{network}/challenges, /tokens, /pin-changes  <- here
asks       cards/proofs/challenge.py          ask()         3-D Secure, answered in the app
decides    cards/proofs/token.py              request()     may the card go into this wallet?
changes    cards/proofs/pin.py                change()

Every message is signed by the network and names what it is about, so a repeat gets the same answer.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, db
from app import ids as mint
from app.db import Story
from app.house import House
from app.http import ids
from app.http.partner import network as networks
from app.http.partner import proofs
from app.http.partner.network import Name, proved
from app.http.partner.proofs import PinBlockHex
from app.http.wire import Minor, Wire
from cards import card as cards_card
from cards.card import Card, UnknownCard
from cards.hsm.port import Plate
from cards.hsm.verification import Service
from cards.payments.payment import Merchant
from cards.programme import change
from cards.proofs import challenge, pan, pin, token, token_owner
from cards.proofs.challenge import Challenge, Status
from cards.proofs.pan import NotAPan, Pan
from cards.proofs.pin import Changed
from cards.proofs.presented import Code
from cards.proofs.token import Act, Asked, Decision, Device, Doubt, Life, Owner, Token, UnknownToken, Wrong
from law.money import Currency, Money

_OPTIONS: dict[str, Any] = {
    "opt": {"scope": "public", "signed": True, "answers": "signed", "quota": "signed"},
    "guards": [proved],
    "tags": ["Card network"],
    "status_code": 200,
}
_PanText = Annotated[str, Meta(pattern=r"^[0-9]{12,19}$(?!\n)", examples=["9398010000000007"])]
_Score = Annotated[int, Meta(ge=1, le=5, description="1 is known for fraud or never seen, 5 is known for long.")]


class ShownAmount(Wire, frozen=True):
    """What the shop shows, in its own currency."""

    amount_minor: Minor
    currency: Annotated[Currency, Meta(examples=["KZT"])]


class ChallengeRequest(Wire, frozen=True):
    """A shop wants its customer to prove who they are (3-D Secure); `transaction_id` is the directory server's."""

    transaction_id: Annotated[Name, Meta(examples=["f25084f0-5b16-4c0a-ae5d-b24808a95e4b"])]
    pan: _PanText
    amount: ShownAmount
    merchant: networks.MerchantWire


class ResultRequest(Wire, frozen=True):
    """What became of it? Asked with the number again, which is kept nowhere outside of its vault."""

    pan: _PanText


class ChallengeResult(Wire, frozen=True):
    """How it stands; an approved one has its authentication value (20 bytes, base64) and ECI 05, any other ECI 07."""

    challenge_id: Annotated[str, Meta(examples=["challenge_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    status: Annotated[Status, Meta(examples=["asked"])]
    eci: Annotated[str, Meta(pattern=r"^0[57]$(?!\n)", examples=["07"])]
    expires_at: datetime
    authentication_value: Annotated[str | None, Meta(examples=[None])] = None


class WalletDevice(Wire, frozen=True):
    """Where the token would live, and how far its wallet trusts the device and the account it belongs to."""

    kind: Annotated[Device, Meta(examples=["phone"])]
    device_score: _Score | None = None
    account_score: _Score | None = None


class TokenRequest(Wire, frozen=True):
    """May the card go into this wallet? `reference` is the token service's name for the token, `last4` are its digits.

    A token of a shop names the shop, as the card's payments name it, and can be used there alone.
    """

    reference: Annotated[Name, Meta(examples=["DNITHE302611200001"])]
    requestor: Annotated[Name, Meta(examples=["demo-wallet"])]
    device: WalletDevice
    pan: _PanText
    last4: Annotated[str, Meta(pattern=r"^[0-9]{4}$(?!\n)", examples=["0042"])]
    cvv2: Annotated[str, Meta(pattern=r"^[0-9]{3}$(?!\n)", examples=["123"])] | None = None
    merchant_id: Annotated[Name | None, Meta(examples=[None])] = None

    def __repr__(self) -> str:
        return f"TokenRequest({self.reference})"


class TokenAnswer(Wire, frozen=True):
    """What the wallet hears: yes, no, or yes with the code that the app shows; and every reason why not at once."""

    token_id: Annotated[str, Meta(examples=["token_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    decision: Annotated[Decision, Meta(examples=["otp"])]
    state: Annotated[Life, Meta(examples=["requested"])]
    reasons: Annotated[list[Doubt], Meta(examples=[["young_card"]])]
    code_expires_at: datetime | None = None


class TokenCode(Wire, frozen=True):
    """What the holder typed into the wallet."""

    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\n)", examples=["123456"])]

    def __repr__(self) -> str:
        return "TokenCode(…)"


class TokenState(Wire, frozen=True):
    """Where the token is in its life; `wrong` says why a code was not taken."""

    state: Annotated[Life, Meta(examples=["active"])]
    wrong: Annotated[Wrong | None, Meta(examples=[None])] = None


class TokenAct(Wire, frozen=True):
    """What became of the token at its wallet: the phone was locked, found again, emptied."""

    act: Annotated[Act, Meta(examples=["suspend"])]


class PinChange(Wire, frozen=True):
    """The PIN as it was typed and the one typed after it: format 4 blocks under the network's PIN key."""

    pan: _PanText
    old: PinBlockHex
    new: PinBlockHex

    def __repr__(self) -> str:
        return "PinChange(…)"


class PinChangeAnswer(Wire, frozen=True):
    """What became of it."""

    outcome: Annotated[Changed, Meta(examples=["done"])]


@post(
    "/v1/networks/{network:str}/challenges",
    operation_id="askCardHolder",
    summary="A shop asks whether it is the holder",
    **_OPTIONS,
)
async def ask(
    network: FromPath[str], data: JSONBody[ChallengeRequest], house: NamedDependency[House]
) -> ChallengeResult:
    """Ask the holder of a card, in the app, whether this shop may have this amount."""
    told = data.merchant
    merchant = Merchant(name=told.name, id=told.id, category=told.category, country=told.country)
    async with _speaking(house, network, data.pan) as (story, card, _):
        asked = await challenge.ask(
            await story(),
            card,
            merchant,
            Money(data.amount.amount_minor, data.amount.currency),
            challenge=mint.new(),
            network=network,
            transaction=data.transaction_id,
            now=clock.real(),
            at=story.now,
        )
        return _result(asked)


@post(
    "/v1/networks/{network:str}/challenges/{transaction:str}/result",
    operation_id="getCardHolderAnswer",
    summary="What the holder said",
    **_OPTIONS,
)
async def result(
    network: FromPath[str],
    transaction: FromPath[str],
    data: JSONBody[ResultRequest],
    house: NamedDependency[House],
) -> ChallengeResult:
    """Tell what the holder said; a yes comes with what proves it at the authorisation."""
    async with _speaking(house, network, data.pan) as (story, card, number):
        connection = await story()
        found = await challenge.named(connection, network, transaction)
        if found is None or found.card != card.id:
            raise challenge.UnknownChallenge
        if not found.approved:
            return _result(found)
        value = found.value(await house.card_keys.machine(connection), number)
        return msgspec.structs.replace(_result(found), authentication_value=base64.b64encode(value.value).decode())


@post(
    "/v1/networks/{network:str}/tokens",
    operation_id="requestCardToken",
    summary="A card is put into a wallet",
    **_OPTIONS,
)
async def request_token(
    network: FromPath[str], data: JSONBody[TokenRequest], house: NamedDependency[House]
) -> TokenAnswer:
    """Decide whether a card may go into a wallet; in doubt the holder has to type a code that the app shows."""
    if (data.device.kind is Device.SHOP) != (data.merchant_id is not None):
        raise token.ShopUnnamed
    async with _speaking(house, network, data.pan) as (story, card, number):
        asked = Asked(
            token=mint.new(),
            network=network,
            reference=data.reference,
            requestor=data.requestor,
            device=data.device.kind,
            last4=data.last4,
            merchant=data.merchant_id,
            proved=await _proved(house, story, card, number, data.cvv2),
            device_score=data.device.device_score,
            account_score=data.device.account_score,
        )
        made = await token.request(await story(), asked, card, now=clock.real(), at=story.now)
        return TokenAnswer(
            token_id=ids.show("token", made.id),
            decision=made.decision,
            state=made.state,
            reasons=[Doubt(reason) for reason in made.reasons],
            code_expires_at=made.code_expires_at,
        )


@post(
    "/v1/networks/{network:str}/tokens/{reference:str}/activation",
    operation_id="activateCardToken",
    summary="The holder typed the code",
    **_OPTIONS,
)
async def activate_token(
    network: FromPath[str], reference: FromPath[str], data: JSONBody[TokenCode], house: NamedDependency[House]
) -> TokenState:
    """Take the code that the app showed. Three wrong ones, or ten minutes, and the wallet has to ask anew."""
    async with _about(house, network, reference) as (story, found):
        given = await token.activate(
            await story(), found, Code(data.code), keys=house.keys.kms, now=clock.real(), at=story.now
        )
        return TokenState(state=found.state, wrong=given) if isinstance(given, Wrong) else TokenState(state=given.state)


@post(
    "/v1/networks/{network:str}/tokens/{reference:str}/lifecycle",
    operation_id="turnCardToken",
    summary="What became of a token at its wallet",
    **_OPTIONS,
)
async def turn_token(
    network: FromPath[str], reference: FromPath[str], data: JSONBody[TokenAct], house: NamedDependency[House]
) -> TokenState:
    """Suspend, resume or delete a token because its wallet did. What is done already is not done again."""
    async with _about(house, network, reference) as (story, found):
        if data.act is Act.ACTIVATE:
            raise token.WrongTokenState(data.act, found.state)
        if token.is_done(found, data.act, Owner.NETWORK):
            return TokenState(state=found.state)
        actor = f"network:{network}"
        return TokenState(state=(await token.turn(await story(), found, data.act, actor=actor, at=story.now)).state)


@post(
    "/v1/networks/{network:str}/pin-changes",
    operation_id="changeCardPin",
    summary="The PIN is changed at a terminal",
    **_OPTIONS,
)
async def change_pin(
    network: FromPath[str], data: JSONBody[PinChange], house: NamedDependency[House]
) -> PinChangeAnswer:
    """Take another PIN from whoever typed the present one. A wrong one counts like at any terminal."""
    number = _number(data.pan)
    async with db.transaction(house.posting) as story:
        connection = await story()
        card = await change.locked(connection, (await _found(house, connection, number)).card)
        outcome = await pin.change(
            connection,
            card,
            number,
            proofs.pin_block(data.old, network),
            proofs.pin_block(data.new, network),
            hsm=await house.card_keys.machine(connection),
            actor=f"network:{network}",
            at=story.now,
        )
    return PinChangeAnswer(outcome=outcome)


@asynccontextmanager
async def _speaking(house: House, network: str, digits: str) -> AsyncIterator[tuple[Story, Card, Pan]]:
    """Open a story that speaks for the holder of the card with this number, which is locked."""
    number = _number(digits)
    async with db.transaction(house.posting) as asking:
        known = await cards_card.find(await asking(), (await _found(house, await asking(), number)).card)
    async with db.transaction(house.api, holder=known.holder, audience="resident", actor=f"network:{network}") as story:
        yield story, await change.locked(await story(), known.id), number


@asynccontextmanager
async def _about(house: House, network: str, reference: str) -> AsyncIterator[tuple[Story, Token]]:
    """Open a story that speaks for the holder of a token, which is locked; raises UnknownToken."""
    async with db.transaction(house.posting) as asking:
        holder = await token_owner.holder_of(await asking(), network, reference)
    async with db.transaction(house.api, holder=holder, audience="resident", actor=f"network:{network}") as story:
        found = await token.named(await story(), network, reference)
        if found is None:
            raise UnknownToken
        yield story, found


async def _found(house: House, connection: AsyncConnection, number: Pan) -> pan.Found:
    found = await pan.find(connection, pan.blind(house.keys.kms, number))
    if found is None:
        raise UnknownCard(UUID(int=0))
    return found


async def _proved(house: House, story: Story, card: Card, number: Pan, cvv2: str | None) -> bool | None:
    if cvv2 is None:
        return None
    connection = await story()
    kept = await pan.read(connection, house.keys.kms, card.id)
    assert kept is not None, "the story speaks for its holder"
    hsm, plate = await house.card_keys.machine(connection), Plate(number, card.expires_on, kept.plate_version)
    typed = Code(cvv2)
    return hsm.is_code_at(plate, clock.real(), typed) or hsm.is_code(plate, Service.CVV2, typed)


def _number(digits: str) -> Pan:
    try:
        return Pan(digits)
    except NotAPan:
        raise UnknownCard(UUID(int=0)) from None


def _result(found: Challenge) -> ChallengeResult:
    return ChallengeResult(
        challenge_id=ids.show("challenge", found.id),
        status=found.status(clock.real()),
        eci="05" if found.approved else "07",
        expires_at=found.expires_at,
    )


routes = [ask, result, request_token, activate_token, turn_token, change_pin]
