"""The resident's wallet: open it, see what is in it, send money from it.

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

from app import idempotency, sending, standing
from app import ids as mint
from app.auth import confirmed, stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once
from app.idempotency_key import Stored
from app.money import FIRST_LANE
from law.money import KZT, Currency, Money
from wallet import account, history
from wallet.transfer import AccountId, Posted

WalletId = Annotated[str, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"], description="Where money can be sent.")]


class WalletView(Wire, frozen=True):
    """A wallet as it stands: what is owned, what of it is set aside, what can be spent."""

    id: WalletId
    posted: MoneyWire
    held: MoneyWire
    available: MoneyWire
    version: Annotated[int, Meta(ge=0, description="How many entries there are.", examples=[12])]
    opened_at: datetime

    @classmethod
    def of(cls, balance: account.Balance) -> "WalletView":
        """Show a balance."""
        return cls(
            id=ids.show("wallet", balance.account),
            posted=MoneyWire.of(balance.posted),
            held=MoneyWire.of(balance.held),
            available=MoneyWire.of(balance.available),
            version=balance.version,
            opened_at=balance.opened_at,
        )


class Amount(Wire, frozen=True):
    """What is sent: more than nothing."""

    amount_minor: Minor
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", examples=["KZT"])] = "KZT"

    def money(self) -> Money:
        """Read it in; raises law.money.UnknownCurrency."""
        return Money(self.amount_minor, Currency.of(self.currency))


class Transfer(Wire, frozen=True):
    """Money to another wallet."""

    to: WalletId
    amount: Amount


class SendMoney(Transfer, frozen=True):
    """Money to another wallet, with the passkey's answer over `transfer.send`: payee, amount and Idempotency-Key."""

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


class BulkAnswer(Wire, frozen=True):
    """One transfer's answer: the transfer, or the code of the refusal."""

    transfer: TransferView | None = None
    refused: Annotated[str | None, Meta(examples=["insufficient_funds"])] = None


class BulkAnswers(Wire, frozen=True):
    """The answers, in the order of the request."""

    answers: list[BulkAnswer]


class EntryView(Wire, frozen=True):
    """One line of the history: what moved (out is negative) and the balance after it."""

    transfer: Annotated[str, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Annotated[str, Meta(examples=["post"])]
    moved: MoneyWire
    held: MoneyWire
    balance: MoneyWire
    at: datetime
    code: Annotated[str, Meta(examples=["transfer"])]
    reference: Annotated[str, Meta(examples=["pay-2026-0001"])]


class EntryPage(Wire, frozen=True):
    """A page of the history, newest first; `next_cursor` is absent on the last."""

    entries: list[EntryView]
    next_cursor: str | None = None


@post(
    "/v1/wallets",
    operation_id="openWallet",
    opt={"scope": "wallet:write"},
    tags=["Wallet"],
    summary="Open the wallet",
)
async def open_wallet(once: NamedDependency[Once], me: NamedDependency[Principal]) -> Response[WalletView]:
    """Open the caller's tenge wallet: once, and only after identification (Payments Law art. 42)."""

    async def act(story: Story) -> WalletView:
        db = await story()
        await standing.require_e_resident(db, me.subject)
        await account.open_wallet(
            db, holder=me.subject, account=mint.new(), lane=FIRST_LANE, actor=me.actor, at=story.now
        )
        return WalletView.of(await account.wallet(db, me.subject))

    return await once(act, headers=lambda _: {"Location": "/v1/wallets/me"})


@get(
    "/v1/wallets/me",
    operation_id="getWallet",
    opt={"scope": "wallet:read", "may_lack": True},
    tags=["Wallet"],
    summary="The wallet",
)
async def get_wallet(story: NamedDependency[Story], me: NamedDependency[Principal]) -> WalletView:
    """Show the caller's wallet."""
    return WalletView.of(await account.wallet(await story(), me.subject))


@get(
    "/v1/wallets/me/entries",
    operation_id="listEntries",
    opt={"scope": "wallet:read", "may_lack": True},
    tags=["Wallet"],
    summary="The history",
)
async def list_entries(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> EntryPage:
    """List what happened in the wallet, newest first."""
    db = await story()
    mine = await account.wallet(db, me.subject)
    pager = Pager(house.keys.cursor, f"entries/{mine.account}")
    place = pager.place(cursor)
    before = int(place) if place else history.BIGINT_MAX
    found = await history.page(db, account=mine.account, lane=mine.lane, before=before, size=limit + 1)
    shown = found[:limit]
    more = pager.cursor(str(shown[-1].version)) if len(found) > limit else None
    return EntryPage(entries=[_entry(entry) for entry in shown], next_cursor=more)


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
        view = _transfer(found[0])
        return Stored(201, msgspec.json.encode(view), {"Location": f"/v1/transfers/{view.id}"})

    return await _send(request, me, house, operation=sending.ONE, asked=[data], step_up=data.step_up, render=render)


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
        if isinstance(found[0], confirmed.Refusal):  # they share the confirmation
            return answers.refused(request, found[0])
        views = [
            BulkAnswer(transfer=_transfer(each)) if isinstance(each, Posted) else BulkAnswer(refused=answers.code(each))
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
    transfer_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> MovedView:
    """Show a transfer from or to the caller's wallet."""
    wanted = ids.parse("transfer", transfer_id)
    db = await story()
    mine = await account.wallet(db, me.subject)
    found = await history.find(db, account=mine.account, lane=mine.lane, transfer=wanted)
    if found is None:
        raise NotFoundException
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
    reply = await sending.send(
        house,
        me,
        [sending.Payment(AccountId(ids.parse("wallet", each.to)), each.amount.money()) for each in asked],
        operation=operation,
        confirmation=step_up,
        claim=idempotency.claim_of(request, me.actor, await request.body()),
        render=render,
    )
    return idempotency.respond(reply.stored, replayed=reply.replayed)


def _transfer(done: Posted) -> TransferView:
    return TransferView(
        id=ids.show("transfer", done.id),
        lane=done.lane,
        seq=done.seq,
        at=done.at,
        available=MoneyWire.of(Money(done.available, KZT)),
    )


def _entry(entry: history.Entry) -> EntryView:
    return EntryView(
        transfer=ids.show("transfer", entry.id),
        kind=entry.kind,
        moved=MoneyWire.of(entry.moved),
        held=MoneyWire.of(entry.held),
        balance=MoneyWire.of(entry.balance),
        at=entry.at,
        code=entry.code,
        reference=entry.reference,
    )


routes = [open_wallet, get_wallet, list_entries, send_money, send_many, get_transfer]
