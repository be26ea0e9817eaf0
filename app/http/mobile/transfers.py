"""Money that a resident sends from the wallet to another one.

path   POST /v1/transfers  ->  app/sending.py  ->  app/batch.py  ->  wallet/desk.py
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import idempotency, sending
from app.auth import confirmed, stepup
from app.auth.principal import Principal
from app.db import Story, transaction
from app.house import House
from app.http import answers, ids
from app.http.wire import LINE, Minor, MoneyWire, Wire
from app.idempotency_key import Stored
from app.payments import note, payee
from app.payments.note import Words
from law.money import KZT, Currency, Money
from wallet import account, crossing, history
from wallet.transfer import AccountId, Posted


class Amount(Wire, frozen=True):
    """What is sent: more than nothing."""

    amount_minor: Minor
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", examples=["KZT"])] = "KZT"

    def money(self) -> Money:
        """Read it in; raises law.money.UnknownCurrency."""
        return Money(self.amount_minor, Currency.of(self.currency))


#: Where money goes.
To = Annotated[
    str,
    Meta(
        max_length=payee.REFERENCE_MAX,
        description="The id of a wallet, or the `reference` of a payee who was looked up and confirmed by name.",
        examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"],
    ),
]
#: What the payer writes to the payee; both read it, and it is in no ledger.
Message = Annotated[
    str, Meta(min_length=1, max_length=140, pattern=LINE, description="For the payee.", examples=["For dinner"])
]


class Transfer(Wire, frozen=True):
    """Money to another wallet."""

    to: To
    amount: Amount
    message: Message | None = None


class SendMoney(Transfer, frozen=True):
    """Money to another wallet, with the passkey's answer: payee, amount and Idempotency-Key.

    It is over `transfer.send`; to a payee who was looked up over `transfer.send_named`, which shows name and address.
    """

    step_up: stepup.Confirmation | None = None


class SendMany(Wire, frozen=True):
    """Up to 1000 transfers in one request; each gets its own answer. One confirmation, of `transfer.send_many`.

    It shows how many, the sum in tenge, and the SHA-256 of the canonical JSON (RFC 8785) of the list, each item with
    its `payee`, `amount_minor` and `currency`.
    """

    transfers: Annotated[list[Transfer], Meta(min_length=1, max_length=1000)]
    step_up: stepup.Confirmation | None = None


class TransferView(Wire, frozen=True):
    """A transfer that is in the ledger at (lane, seq)."""

    id: Annotated[str, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    lane: Annotated[int, Meta(examples=[1])]
    seq: Annotated[int, Meta(examples=[42])]
    at: datetime
    available: MoneyWire


class MovedView(Wire, frozen=True):
    """A transfer as the caller's side of it: what came in, or what went out (negative), and where it is in the ledger.

    A hold moves nothing yet; `held` says by how much it binds or frees.
    """

    id: Annotated[str, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Annotated[str, Meta(examples=["post"])]
    moved: MoneyWire
    held: MoneyWire
    at: datetime
    code: Annotated[str, Meta(examples=["transfer"])]
    reference: Annotated[str, Meta(examples=["pay-2026-0001"])]
    lane: Annotated[int, Meta(examples=[1])]
    seq: Annotated[int, Meta(examples=[42])]
    words: "WordsView | None" = None


class WordsView(Wire, frozen=True):
    """What payer and payee told each other: a message, and the names they are shown by, empty where they are not."""

    message: Annotated[str, Meta(examples=["For dinner"])]
    payer: Annotated[str, Meta(examples=["AIGERIM S."])]
    payee: Annotated[str, Meta(examples=["TIMUR K."])]
    address: Annotated[str, Meta(description="What the payee was found by.", examples=["+77012345678"])]

    @classmethod
    def of(cls, words: Words) -> "WordsView":
        """Show words."""
        return cls(message=words.text, payer=words.payer, payee=words.payee, address=words.address)


class BulkAnswer(Wire, frozen=True):
    """One transfer's answer: the transfer, or the code of the refusal."""

    transfer: TransferView | None = None
    refused: Annotated[str | None, Meta(examples=["insufficient_funds"])] = None


class BulkAnswers(Wire, frozen=True):
    """The answers, in the order of the request."""

    answers: list[BulkAnswer]


@post(
    "/v1/transfers",
    operation_id="sendMoney",
    opt={"scope": "wallet:write", "idempotent": True},
    tags=["Wallet"],
    summary="Send money",
)
async def send_money(
    request: Request[Any, Any, Any],
    data: JSONBody[SendMoney],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[TransferView]:
    """Send money from the caller's wallet to another one."""

    def render(found: Sequence[sending.Answer]) -> Stored:
        if not isinstance(found[0], Posted):
            return answers.refused(request, found[0])
        view = transfer_view(found[0])
        return Stored(201, msgspec.json.encode(view), {"Location": f"/v1/transfers/{view.id}"})

    operation = sending.NAMED if data.to.startswith(payee.REFERENCE) else sending.ONE
    return await _send(request, me, house, operation=operation, asked=[data], step_up=data.step_up, render=render)


@post(
    "/v1/transfers/bulk",
    operation_id="sendManyTransfers",
    opt={"scope": "wallet:write", "idempotent": True, "quota": "bulk"},
    tags=["Wallet"],
    summary="Send money to many",
    status_code=200,
)
async def send_many(
    request: Request[Any, Any, Any],
    data: JSONBody[SendMany],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[BulkAnswers]:
    """Send many transfers in one request. One that is refused does not touch its neighbours."""

    def render(found: Sequence[sending.Answer]) -> Stored:
        if isinstance(found[0], confirmed.Refusal | payee.BadReference):  # they share the confirmation
            return answers.refused(request, found[0])
        views = [
            BulkAnswer(transfer=transfer_view(each))
            if isinstance(each, Posted)
            else BulkAnswer(refused=answers.code(each))
            for each in found
        ]
        return Stored(200, msgspec.json.encode(BulkAnswers(answers=views)))

    return await _send(
        request, me, house, operation=sending.MANY, asked=data.transfers, step_up=data.step_up, render=render
    )


@get(
    "/v1/transfers/{transfer_id:str}",
    operation_id="getTransfer",
    opt={"scope": "wallet:read"},
    tags=["Wallet"],
    summary="A transfer",
)
async def get_transfer(
    transfer_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> MovedView:
    """Show a transfer from or to the caller's wallet."""
    wanted = ids.parse("transfer", transfer_id)
    db = await story()
    mine = await account.wallet(db, me.subject)
    found = await history.find(db, account=mine.account, lane=mine.lane, transfer=wanted)
    if found is None:
        raise NotFoundException
    # From lane to lane the payee's side of a transfer has a name of its own; what was written has the payer's.
    words = await note.read(db, house.keys.kms, [wanted, crossing.twin(wanted)])
    return MovedView(
        id=ids.show("transfer", found.id),
        kind=found.kind,
        moved=MoneyWire.of(found.moved),
        held=MoneyWire.of(found.held),
        at=found.at,
        code=found.code,
        reference=found.reference,
        lane=mine.lane,
        seq=found.seq,
        words=next((WordsView.of(each) for each in words.values()), None),
    )


async def _send(
    request: Request[Any, Any, Any],
    me: Principal,
    house: House,
    *,
    operation: str,
    asked: Sequence[Transfer],
    step_up: stepup.Confirmation | None,
    render: Any,  # noqa: ANN401  batch.Render, which Litestar need not resolve
) -> Response[Any]:
    # Who is paid by name tells their own.
    payer = await own_name(house, me) if any(each.to.startswith(payee.REFERENCE) for each in asked) else ""
    reply = await sending.send(
        house,
        me,
        [_payment(house, me, each, payer) for each in asked],
        operation=operation,
        confirmation=step_up,
        claim=idempotency.claim_of(request, me.actor, await request.body()),
        render=render,
    )
    return idempotency.respond(reply.stored, replayed=reply.replayed)


def _payment(house: House, me: Principal, asked: Transfer, payer: str) -> sending.Payment:
    written = asked.message or ""
    if not asked.to.startswith(payee.REFERENCE):
        wallet = AccountId(ids.parse("wallet", asked.to))
        return sending.Payment(wallet, asked.amount.money(), words=Words(text=written))
    named, until = payee.referred(house.keys, me.subject, asked.to)
    words = Words(text=written, payer=payer, payee=named.name, address=named.address)
    return sending.Payment(named.account, asked.amount.money(), named, until, words)


async def own_name(house: House, me: Principal) -> str:
    """Say by which name `me` is shown to whom they pay or ask."""
    async with transaction(house.api, holder=me.subject, audience="resident", actor=me.actor) as story:
        shown = await payee.publish(await story(), house.keys.kms, me.subject, on=story.now)
    return shown.name if shown else ""


def transfer_view(done: Posted) -> TransferView:
    """Show a transfer that was made."""
    return TransferView(
        id=ids.show("transfer", done.id),
        lane=done.lane,
        seq=done.seq,
        at=done.at,
        available=MoneyWire.of(Money(done.available, KZT)),
    )


routes = [send_money, send_many, get_transfer]
