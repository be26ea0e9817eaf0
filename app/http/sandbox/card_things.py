"""What happens to cards beside payments, for whoever tests from outside: plastic, wallets, 3-D Secure, disputes.

route      app/http/sandbox/card_things.py    POST /v1/sandbox/cards/{id}/parcel …      <- you are here
moves      cards/programme/shipping.py        as officers do
asks       cards/proofs/token.py, challenge.py    as networks do
tells      app/cards/disputing.py             hear()     as networks do

The operations are those of the test helpers of Stripe Issuing (cards) and Increase (tokens, authentications, disputes).
"""

from typing import Annotated, Any, Literal

from litestar import Response, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock
from app import ids as mint
from app.auth.principal import Principal
from app.cards import disputing
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.card_tokens import TokenView
from app.http.mobile.card_view import CardView
from app.http.mobile.dispute_views import SubmittedView
from app.http.sandbox.card_wire import NETWORK, CardId, MerchantAt
from app.http.sandbox.cards import Caller, caller
from app.http.wire import MoneyWire, Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.card import OWN, Act, Card
from cards.card import State as CardState
from cards.disputes import dispute as disputes
from cards.disputes.link import EventKind, Heard, Word
from cards.processing.processor import NotAtThisProcessor
from cards.programme import change, shipping
from cards.proofs import challenge, token
from cards.proofs.challenge import Status
from cards.proofs.presented import Code
from cards.proofs.token import Asked, Decision, Device, Doubt, Wrong

_OPTIONS: dict[str, Any] = {"opt": {"scope": "service:operate"}, "tags": ["Sandbox"], "status_code": 200}
_Score = Annotated[int, Meta(ge=1, le=5, examples=[4])]
TokenId = Annotated[str, Meta(examples=["token_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_TURNS = {"suspend": token.Act.SUSPEND, "resume": token.Act.RESUME, "delete": token.Act.DELETE}


class MoveParcel(Wire, frozen=True):
    """What happens to a plastic card of ours: `submit` to its maker, `ship`, `deliver`, `return`, `fail` for good."""

    act: Annotated[Literal["submit", "ship", "deliver", "return", "fail"], Meta(examples=["ship"])]


class ProvisionToken(Wire, frozen=True):
    """A card is put into a wallet; scores are from 1 (never seen) to 5, as wallets tell them.

    `proved` says what came of the CVV2 that was typed: right, wrong, or null where none was.
    """

    card_id: CardId
    device: Annotated[Device, Meta(examples=["phone"])] = Device.PHONE
    device_score: _Score | None = None
    account_score: _Score | None = None
    proved: Annotated[bool | None, Meta(examples=[None])] = None


class ProvisionedToken(Wire, frozen=True):
    """What the wallet hears; with `otp` the app shows the code, and the token is activated by it."""

    token_id: TokenId
    reference: Annotated[str, Meta(examples=["sandbox-06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    decision: Annotated[Decision, Meta(examples=["otp"])]
    state: Annotated[token.Life, Meta(examples=["requested"])]
    reasons: Annotated[list[Doubt], Meta(examples=[["young_card"]])]


class TypeCode(Wire, frozen=True):
    """The code that the app showed, typed into the wallet."""

    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$(?!\\n)", examples=["123456"])]

    def __repr__(self) -> str:
        return "TypeCode(…)"


class ActivatedToken(Wire, frozen=True):
    """Whether the code was right, and if not, why not."""

    state: Annotated[token.Life, Meta(examples=["active"])]
    wrong: Annotated[Wrong | None, Meta(examples=[None])] = None


class TurnToken(Wire, frozen=True):
    """What the network does to a token: for a lost phone it suspends it, for one that is found it resumes it."""

    act: Annotated[Literal["suspend", "resume", "delete"], Meta(examples=["suspend"])]


class Challenge(Wire, frozen=True):
    """A shop's bank asks the holder of a card (3-D Secure); `amount` is what the shop shows."""

    card_id: CardId
    amount: MoneyWire
    merchant: MerchantAt = MerchantAt()


class ChallengeView(Wire, frozen=True):
    """How it stands: the holder answers in the app, within ten minutes."""

    challenge_id: Annotated[str, Meta(examples=["challenge_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    status: Annotated[Status, Meta(examples=["asked"])]


class DisputeAct(Wire, frozen=True):
    """What the network says of a dispute, about all of it or `amount_minor`; a ruling of nothing is lost."""

    act: Annotated[EventKind, Meta(examples=["accepted"])]
    amount_minor: Annotated[int, Meta(ge=0, le=2**53 - 1, examples=[150_000])] | None = None
    reason: Word | None = None


@post(
    "/v1/sandbox/cards/{card_id:str}/parcel", operation_id="simulateParcel", summary="Plastic goes by post", **_OPTIONS
)
async def move_parcel(
    card_id: FromPath[str], data: JSONBody[MoveParcel], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[CardView]:
    """Have a plastic card be made, sent, delivered, returned, or given up; what comes before is made up for."""

    async def act(story: Story) -> CardView:
        found = await cards_card.find(await story(), ids.parse("card", card_id))
        await story.speak_for(found.holder)
        before = await change.locked(await story(), found.id)
        if before.processor != OWN:
            raise NotAtThisProcessor("parcel", before.processor)
        return CardView.of(await _moved(story, before, data.act, me.actor))

    return await once(act)


async def _moved(story: Story, card: Card, act: str, actor: str) -> Card:
    db, at = await story(), story.now
    if act == "fail":
        return await shipping.give_up(db, card, actor=actor, at=at)
    if card.state is CardState.ORDERED:
        card = await change.turn(db, card, Act.PERSONALISE, actor=actor, at=at)
    match act:
        case "ship":
            return await shipping.ship(db, card, carrier="sandbox", tracking=None, actor=actor, at=at)
        case "deliver":
            return await shipping.deliver(db, card, actor=actor, at=at)
        case "return":
            return await shipping.take_back(db, card, actor=actor, at=at)
        case _:
            return card


@post("/v1/sandbox/card-tokens", operation_id="simulateTokenRequest", summary="A card is put into a wallet", **_OPTIONS)
async def provision(data: JSONBody[ProvisionToken], once: NamedDependency[Once]) -> Response[ProvisionedToken]:
    """Ask as a wallet does, and hear its answer: yes, no, or yes with the code that the app shows."""

    async def act(story: Story) -> ProvisionedToken:
        card = await cards_card.find(await story(), ids.parse("card", data.card_id))
        reference = f"sandbox-{mint.new()}"
        asked = Asked(
            token=mint.new(),
            network=NETWORK,
            reference=reference,
            requestor="sandbox-wallet",
            device=data.device,
            last4=card.last4,
            proved=data.proved,
            device_score=data.device_score,
            account_score=data.account_score,
        )
        await story.speak_for(card.holder)
        made = await token.request(await story(), asked, card, now=clock.real(), at=story.now)
        return ProvisionedToken(
            token_id=ids.show("token", made.id),
            reference=reference,
            decision=made.decision,
            state=made.state,
            reasons=[Doubt(reason) for reason in made.reasons],
        )

    return await once(act)


@post(
    "/v1/sandbox/card-tokens/{token_id:str}/activation",
    operation_id="simulateTokenActivation",
    summary="A code is typed into a wallet",
    **_OPTIONS,
)
async def activate_token(
    token_id: FromPath[str], data: JSONBody[TypeCode], story: NamedDependency[Story], house: NamedDependency[House]
) -> ActivatedToken:
    """Take the code; three wrong ones, or ten minutes, and the wallet has to ask anew."""
    # Without Idempotency-Key: no copy of a code is kept, and each try counts.
    found = await token.locked(await story(), ids.parse("token", token_id))
    await story.speak_for(found.holder)
    kms = house.keys.kms
    said = await token.activate(await story(), found, Code(data.code), keys=kms, now=clock.real(), at=story.now)
    return ActivatedToken(found.state, said) if isinstance(said, Wrong) else ActivatedToken(said.state)


@post(
    "/v1/sandbox/card-tokens/{token_id:str}/acts",
    operation_id="simulateTokenAct",
    summary="A network pauses a wallet",
    **_OPTIONS,
)
async def turn_token(
    token_id: FromPath[str], data: JSONBody[TurnToken], once: NamedDependency[Once]
) -> Response[TokenView]:
    """Suspend, resume or delete a token as its network does; what the holder paused stays paused."""

    async def act(story: Story) -> TokenView:
        found = await token.locked(await story(), ids.parse("token", token_id))
        await story.speak_for(found.holder)
        actor = f"network:{NETWORK}"
        return TokenView.of(await token.turn(await story(), found, _TURNS[data.act], actor=actor, at=story.now))

    return await once(act)


@post(
    "/v1/sandbox/card-challenges",
    operation_id="simulateChallenge",
    summary="A shop wants the holder's yes",
    **_OPTIONS,
)
async def ask_challenge(data: JSONBody[Challenge], once: NamedDependency[Once]) -> Response[ChallengeView]:
    """Ask as a shop's bank does; the holder is shown the merchant and the amount, and says yes with the passkey."""

    async def act(story: Story) -> ChallengeView:
        found = await cards_card.find(await story(), ids.parse("card", data.card_id))
        await story.speak_for(found.holder)
        card, made, now = await change.locked(await story(), found.id), mint.new(), clock.real()
        asked = await challenge.ask(
            await story(),
            card,
            data.merchant.read(),
            data.amount.money(),
            challenge=made,
            network=NETWORK,
            transaction=f"sandbox-{made}",
            now=now,
            at=story.now,
        )
        return ChallengeView(challenge_id=ids.show("challenge", asked.id), status=asked.status(now))

    return await once(act)


@post(
    "/v1/sandbox/card-challenges/{challenge_id:str}/result",
    operation_id="simulateChallengeResult",
    summary="A shop hears what the holder said",
    **_OPTIONS,
)
async def read_challenge(challenge_id: FromPath[str], story: NamedDependency[Story]) -> ChallengeView:
    """Say whether the holder agreed; what proves it to a network is told over its line only."""
    found = await challenge.find(await story(), ids.parse("challenge", challenge_id))
    return ChallengeView(challenge_id=challenge_id, status=found.status(clock.real()))


@post(
    "/v1/sandbox/disputes/{dispute_id:str}/acts",
    operation_id="simulateDisputeAct",
    summary="A network says something of a dispute",
    opt={"scope": "service:operate", "idempotent": True},
    tags=["Sandbox"],
    status_code=200,
    dependencies={"caller": Provide(caller)},
)
async def act_on_dispute(
    dispute_id: FromPath[str],
    data: JSONBody[DisputeAct],
    caller: NamedDependency[Caller],
    house: NamedDependency[House],
) -> SubmittedView:
    """Have the network accept, refuse, represent, contest, concede or rule; the same key is the same word of it."""
    about = await disputes.find(await caller.story(), ids.parse("dispute", dispute_id))
    event = f"sandbox-{caller.named()}"
    heard = Heard(event_id=event, kind=data.act, amount_minor=data.amount_minor, reason=data.reason)
    await disputing.hear(house, about, heard)
    return SubmittedView.of(await disputes.find(await caller.story(), about.id))


routes = [
    move_parcel, provision, activate_token, turn_token, ask_challenge, read_challenge, act_on_dispute,
]  # fmt: skip
