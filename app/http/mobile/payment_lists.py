"""Paying many at once: a list is checked as a whole, confirmed with one passkey, and paid in the background.

path   POST /v1/payment-lists               ->  app/payments/payment_list.py  draft()
       POST /v1/payment-lists/{id}/confirm  ->  confirm(); the worker pays (app/payments/list_run.py)
"""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import standing
from app.auth import stepup
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.money_requests import Confirm
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import LINE, Minor, MoneyWire, Wire
from app.idempotency import Once
from app.payments import list_file, payment_list
from app.payments.list_file import Fault, Format, Invalid
from app.payments.payment_list import Item, List, State
from law.money import Money
from wallet import account

_TAGS = ["Payment lists"]
CONFIRM = "payment_list.confirm"
#: Ten thousand payments as JSON, or a file with as many.
_BODY_MAX = 5_000_000
ListId = Annotated[str, Meta(examples=["payment_list_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class PaymentWire(Wire, frozen=True):
    """One payment to a resident's wallet, named by its id or its IBAN, in tiyn, with the payer's own word for it."""

    to: Annotated[str, Meta(max_length=64, examples=["KZ859990000000000001"])]
    amount_minor: Minor
    reference: Annotated[str, Meta(max_length=list_file.REFERENCE_MAX, pattern=LINE, examples=["EMP-0042"])] = ""


class FileWire(Wire, frozen=True):
    """A file as text: CSV with the header `to,amount,reference` (amounts in tenge), or a pain.001.001.09."""

    format: Annotated[Format, Meta(examples=["csv"])]
    content: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=list_file.CONTENT_MAX,
            examples=["to,amount,reference\nKZ859990000000000001,1500.00,EMP-0042\n"],
        ),
    ]


class DraftList(Wire, frozen=True):
    """Up to 10 000 payments, as `items` or as a `file`."""

    items: Annotated[list[PaymentWire], Meta(min_length=1, max_length=list_file.ITEMS_MAX)] | None = None
    file: FileWire | None = None


class ConfirmList(Wire, frozen=True):
    """The passkey's answer over `confirm` of the list."""

    step_up: stepup.Confirmation | None = None


class ListView(Wire, frozen=True):
    """A list: how many payments, their sum, and how far it is; `confirm` is what the passkey signs, of a draft."""

    id: ListId
    state: State
    payments: Annotated[int, Meta(ge=1, examples=[120])]
    amount: MoneyWire
    paid: Annotated[int, Meta(ge=0, examples=[118])]
    paid_amount: MoneyWire
    refused: Annotated[int, Meta(ge=0, examples=[2])]
    made_at: datetime
    expires_at: Annotated[datetime, Meta(description="Until when a draft can be confirmed.")]
    done_at: datetime | None = None
    confirm: Confirm | None = None


class ListPage(Wire, frozen=True):
    """A page of lists, newest first; `next_cursor` is absent on the last."""

    payment_lists: list[ListView]
    next_cursor: str | None = None


class ItemView(Wire, frozen=True):
    """One payment with its answer: the transfer, or the code of the refusal; neither while it waits."""

    no: Annotated[int, Meta(ge=0, description="Its place in the list, from 0.", examples=[0])]
    to: Annotated[str, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    amount: MoneyWire
    reference: Annotated[str, Meta(examples=["EMP-0042"])]
    transfer: Annotated[str | None, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None
    refused: Annotated[str | None, Meta(examples=["insufficient_funds"])] = None


class ItemPage(Wire, frozen=True):
    """A page of a list's payments, in order; `next_cursor` is absent on the last."""

    items: list[ItemView]
    next_cursor: str | None = None


@post(
    "/v1/payment-lists",
    operation_id="draftPaymentList",
    opt={"scope": "wallet:write", "quota": "bulk"},
    tags=_TAGS,
    summary="Hand in a list of payments",
    request_max_body_size=_BODY_MAX,
)
async def draft_payment_list(
    data: JSONBody[DraftList],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[ListView]:
    """Check a list as a whole: every fault is named, and nothing moves before the list is confirmed.

    Every item goes to a resident's wallet, named by its id or its IBAN. To an account at another bank goes a pay-out.
    """

    async def act(story: Story) -> ListView:
        db = await story()
        await standing.require_e_resident(db, me.subject)
        home = await account.wallet(db, me.subject)
        lines = _lines(data)
        return _view(await payment_list.draft(db, house.keys.kms, home, me.subject, lines, at=story.now))

    return await once(act, headers=lambda view: {"Location": f"/v1/payment-lists/{view.id}"})


@post(
    "/v1/payment-lists/{payment_list_id:str}/confirm",
    operation_id="confirmPaymentList",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Confirm a list",
    status_code=202,
)
async def confirm_payment_list(
    payment_list_id: FromPath[str],
    data: JSONBody[ConfirmList],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[ListView]:
    """Let the list be paid, confirmed with one passkey over count, sum and hash; refused if the money is not there."""
    wanted = ids.parse("payment_list", payment_list_id)

    async def act(story: Story) -> ListView:
        db = await story()
        found = await payment_list.lock(db, wanted, me.subject)
        payment_list.check_draft(found, story.now)
        home = await account.wallet(db, me.subject)
        step_up = await stepup.redeem(
            db, house.settings, me, operation=CONFIRM, shown=_shown(found), confirmation=data.step_up
        )
        return _view(await payment_list.confirm(db, found, home, step_up=step_up, actor=me.actor, at=story.now))

    return await once(act)


@post(
    "/v1/payment-lists/{payment_list_id:str}/cancel",
    operation_id="cancelPaymentList",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Give up a list",
    status_code=200,
)
async def cancel_payment_list(
    payment_list_id: FromPath[str], me: NamedDependency[Principal], once: NamedDependency[Once]
) -> Response[ListView]:
    """Give up a list that was not confirmed."""
    wanted = ids.parse("payment_list", payment_list_id)

    async def act(story: Story) -> ListView:
        db = await story()
        found = await payment_list.lock(db, wanted, me.subject)
        payment_list.check_draft(found, story.now)
        return _view(await payment_list.cancel(db, found))

    return await once(act)


@get(
    "/v1/payment-lists",
    operation_id="listPaymentLists",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="My payment lists",
)
async def list_payment_lists(
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    limit: Limit = 20,
    cursor: Cursor = None,
) -> ListPage:
    """List the caller's payment lists, newest first."""
    pager = Pager(house.keys.cursor, f"payment-lists/{me.subject}")
    place = pager.place(cursor)
    found = await payment_list.page(await story(), me.subject, before=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    return ListPage(
        payment_lists=[_view(each) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@get(
    "/v1/payment-lists/{payment_list_id:str}",
    operation_id="getPaymentList",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="A payment list",
)
async def get_payment_list(
    payment_list_id: FromPath[str], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> ListView:
    """Show how far a list is."""
    return _view(await payment_list.find(await story(), ids.parse("payment_list", payment_list_id), me.subject))


@get(
    "/v1/payment-lists/{payment_list_id:str}/items",
    operation_id="listPaymentItems",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="The payments of a list",
)
async def list_payment_items(
    payment_list_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    *,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> ItemPage:
    """List the payments of a list in order, each with its answer."""
    db = await story()
    found = await payment_list.find(db, ids.parse("payment_list", payment_list_id), me.subject)
    pager = Pager(house.keys.cursor, f"payment-items/{found.id}")
    after = int(pager.place(cursor) or -1)
    items = await payment_list.items(db, house.keys.kms, found, after=after, limit=limit + 1)
    shown = items[:limit]
    return ItemPage(
        items=[_item(each, found) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].no)) if len(items) > limit else None,
    )


def _lines(data: DraftList) -> list[list_file.Line]:
    match data:
        case DraftList(items=list() as items, file=None):
            return list_file.of_items((each.to, each.amount_minor, each.reference) for each in items)
        case DraftList(items=None, file=FileWire() as file):
            return list_file.read(file.format, file.content)
        case _:
            raise Invalid([Fault("", "either items or a file")])


def _shown(found: List) -> stepup.Shown:
    return {
        "payment_list": ids.show("payment_list", found.id),
        "payments": found.items,
        "amount_minor": found.money.minor,
        "currency": str(found.money.currency),
        "list_sha256": found.sha256.hex(),
    }


def _view(found: List) -> ListView:
    is_draft = found.state is State.DRAFT
    return ListView(
        id=ids.show("payment_list", found.id),
        state=found.state,
        payments=found.items,
        amount=MoneyWire.of(found.money),
        paid=found.paid,
        paid_amount=MoneyWire.of(Money(found.paid_amount, found.money.currency)),
        refused=found.refused,
        made_at=found.made_at,
        expires_at=found.expires_at,
        done_at=found.done_at,
        confirm=Confirm(operation=CONFIRM, shown=_shown(found)) if is_draft else None,
    )


def _item(each: Item, found: List) -> ItemView:
    return ItemView(
        no=each.no,
        to=ids.show("wallet", each.payee),
        amount=MoneyWire.of(Money(each.amount, found.money.currency)),
        reference=each.reference,
        transfer=ids.show("transfer", each.transfer) if each.transfer else None,
        refused=each.refused,
    )


routes = [
    draft_payment_list,
    confirm_payment_list,
    cancel_payment_list,
    list_payment_lists,
    get_payment_list,
    list_payment_items,
]
