"""The resident's wallet: open it, see what is in it, send money from it.

path   POST /v1/transfers  ->  app/money.py  ->  app/batch.py  ->  wallet/desk.py
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

from app import idempotency, money, standing
from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once
from app.idempotency_key import Stored
from app.money import FIRST_LANE
from law.money import KZT, Money
from wallet import account, history, receipt
from wallet.transfer import AccountId, Answer, Post, Posted, Refused, TransferId

WalletId = Annotated[str, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"], description="Where money can be sent.")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["ab" * 32])]


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


class SendMoney(Wire, frozen=True):
    """Money to another wallet."""

    to: WalletId
    amount: Amount


class SendMany(Wire, frozen=True):
    """Up to 1000 transfers in one request; each gets its own answer."""

    transfers: Annotated[list[SendMoney], Meta(min_length=1, max_length=1000)]


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


class ReceiptView(Wire, frozen=True):
    """Proof that the transfer is in the ledger (RFC 6962 path); all hashes SHA-256 in hex."""

    leaf: Annotated[str, Meta(pattern=r"^[0-9a-f]+$(?!\n)", examples=["69000000013173"])]
    index: Annotated[int, Meta(ge=0, examples=[0])]
    size: Annotated[int, Meta(ge=1, examples=[1])]
    path: list[Hash]
    root: Hash
    block: Annotated[int, Meta(ge=1, examples=[7])]
    prev: Hash
    hash: Hash


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


@get("/v1/wallets/me", operation_id="getWallet", opt={"scope": "wallet:read"}, tags=["Wallet"], summary="The wallet")
async def get_wallet(story: NamedDependency[Story], me: NamedDependency[Principal]) -> WalletView:
    """Show the caller's wallet."""
    return WalletView.of(await account.wallet(await story(), me.subject))


@get(
    "/v1/wallets/me/entries",
    operation_id="listEntries",
    opt={"scope": "wallet:read"},
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

    def render(found: Sequence[Answer]) -> Stored:
        if isinstance(found[0], Refused):
            return answers.refused(request, found[0])
        view = _transfer(found[0])
        return Stored(201, msgspec.json.encode(view), {"Location": f"/v1/transfers/{view.id}"})

    return await _send(request, [data], me, house, render)


@post(
    "/v1/transfers/bulk",
    operation_id="sendManyTransfers",
    opt={"scope": "wallet:write", "idempotent": True},
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

    def render(found: Sequence[Answer]) -> Stored:
        views = [
            BulkAnswer(refused=each.reason) if isinstance(each, Refused) else BulkAnswer(transfer=_transfer(each))
            for each in found
        ]
        return Stored(200, msgspec.json.encode(BulkAnswers(answers=views)))

    return await _send(request, data.transfers, me, house, render)


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


@get(
    "/v1/transfers/{transfer_id:str}/receipt",
    operation_id="getReceipt",
    opt={"scope": "wallet:read"},
    tags=["Wallet"],
    summary="Proof of a transfer",
)
async def get_receipt(
    transfer_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> ReceiptView:
    """Prove that a transfer of the caller's is in the ledger's hash chain."""
    wanted = ids.parse("transfer", transfer_id)
    db = await story()
    mine = await account.wallet(db, me.subject)
    if await history.find(db, account=mine.account, lane=mine.lane, transfer=wanted) is None:
        raise NotFoundException
    # The siblings belong to other residents: only their hashes leave, so the whole block is read as `report`.
    async with house.report.connect() as everything:
        proof = await receipt.receipt(everything, lane=mine.lane, transfer=wanted)
    if proof is None:
        raise NotFoundException
    return ReceiptView(
        leaf=proof.leaf.hex(),
        index=proof.index,
        size=proof.size,
        path=[sibling.hex() for sibling in proof.path],
        root=proof.root.hex(),
        block=proof.block,
        prev=proof.prev.hex(),
        hash=proof.hash.hex(),
    )


async def _send(
    request: Request[Any, Any, Any],
    asked: Sequence[SendMoney],
    me: Principal,
    house: House,
    render: Any,  # noqa: ANN401  batch.Render, which Litestar need not resolve
) -> Response[Any]:
    claim = idempotency.claim_of(request, me.actor, await request.body())
    mine = await house.money.wallet(me.subject)
    moves = [
        Post(
            id=TransferId(mint.new()),
            debit=mine.account,
            credit=AccountId(ids.parse("wallet", each.to)),
            money=Money(each.amount.amount_minor, answers.currency(each.amount.currency)),
            code="transfer",
        )
        for each in asked
    ]
    reply = await house.money.submit(money.between_residents, moves, lanes=[mine.lane], claim=claim, render=render)
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


routes = [open_wallet, get_wallet, list_entries, send_money, send_many, get_transfer, get_receipt]
