"""The resident's own accounts at partner banks, and money between them and the wallet.

path   POST /v1/bank-accounts   ->  app/banking/bank_account.py  open_()
       POST /v1/bank-transfers  ->  app/banking/moving.py        move()
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency, vault
from app.auth import stepup
from app.auth.principal import Principal
from app.banking import bank_account, banks, moving, order
from app.banking.bank_account import BankAccount
from app.banking.order import Kind, Order
from app.db import Story
from app.house import House
from app.http import answers, ids
from app.http.mobile.orders import Moving, lines
from app.http.wire import Minor, MoneyWire, Wire
from app.idempotency import Once
from law.money import KZT, Currency, Money

_TAGS = ["Bank accounts"]
BankAccountId = Annotated[str, Meta(examples=["bank_account_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$(?!\n)", examples=["demo-bank"])]
_Currency = Annotated[Literal["KZT", "USD", "EUR", "CNY"], Meta(examples=["USD"])]


class BankView(Wire, frozen=True):
    """A partner bank. `issuer` says whether it issues the wallet's e-money."""

    code: _Code
    name: Annotated[str, Meta(examples=["Demo Bank"])]
    issuer: bool


class BankList(Wire, frozen=True):
    """The banks accounts can be had at."""

    banks: list[BankView]


class OpenBankAccount(Wire, frozen=True):
    """An account in one currency at one bank; the bank is told who asks."""

    bank: _Code
    currency: _Currency


class Opening(Wire, frozen=True):
    """An account that is asked for, or is there."""

    id: BankAccountId
    bank: _Code
    currency: _Currency
    state: Annotated[Literal["opening", "open", "refused"], Meta(examples=["open"])]
    asked_at: datetime


class BankAccountView(Opening, frozen=True, kw_only=True):
    """An account. `balance` is what the bank said at `balance_at`, `available` that less what is under way."""

    iban: Annotated[str | None, Meta(examples=["KZ86125KZT5004100100"])] = None
    bic: Annotated[str | None, Meta(examples=["DEMOKZKA"])] = None
    balance: MoneyWire | None = None
    balance_at: datetime | None = None
    available: MoneyWire


class BankAccountList(Wire, frozen=True):
    """The caller's accounts at banks."""

    accounts: list[BankAccountView]


class MoveMoney(Wire, frozen=True):
    """Tenge between wallet and account, with the passkey's answer over `bank_transfer.send`."""

    bank_account_id: BankAccountId
    direction: Annotated[Literal["to_account", "from_account"], Meta(examples=["to_account"])]
    amount_minor: Minor
    step_up: stepup.Confirmation | None = None


class BankTransferView(Moving, frozen=True, kw_only=True):
    """Money between the wallet and an account at a bank."""

    id: Annotated[str, Meta(examples=["bank_transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    bank_account_id: BankAccountId
    direction: Annotated[Literal["to_account", "from_account"], Meta(examples=["to_account"])]

    @classmethod
    def of(cls, found: Order, now: datetime) -> "BankTransferView":
        """Show it as of `now`."""
        direction: Any = found.kind.value
        about = ids.show("bank_account", found.about)
        return cls(id=found.key, bank_account_id=about, direction=direction, **lines(found, now))  # type: ignore[arg-type]  # the lines of Moving, by name


@get("/v1/banks", operation_id="listBanks", opt={"scope": "wallet:read"}, tags=_TAGS, summary="Partner banks")
async def list_banks(story: NamedDependency[Story], house: NamedDependency[House]) -> BankList:
    """List the banks accounts can be had at."""
    db = await story()
    issuer = (await banks.issuing(db, house.settings.issuing_bank)).id
    found = sorted((await banks.listed(db)).items(), key=lambda each: each[1])
    return BankList(banks=[BankView(code=code, name=name, issuer=bank == issuer) for bank, (code, name) in found])


@post(
    "/v1/bank-accounts",
    operation_id="openBankAccount",
    opt={"scope": "wallet:write"},
    tags=_TAGS,
    summary="Open an account at a bank",
)
async def open_account(
    data: JSONBody[OpenBankAccount], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[Opening]:
    """Ask a bank for an account. Needs the consent to tell banks about the caller."""

    async def act(story: Story) -> Opening:
        db = await story()
        bank = await banks.active(db, data.bank)
        currency = Currency.of(data.currency)
        opened = await bank_account.open_(db, me.subject, bank.id, bank.code, currency, at=story.now)
        shown = ids.show("bank_account", opened)
        return Opening(id=shown, bank=bank.code, currency=data.currency, state="opening", asked_at=story.now)

    return await once(act, headers=lambda made: {"Location": f"/v1/bank-accounts/{made.id}"})


@get(
    "/v1/bank-accounts",
    operation_id="listBankAccounts",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Accounts at banks",
)
async def list_accounts(
    story: NamedDependency[Story], me: NamedDependency[Principal], house: NamedDependency[House]
) -> BankAccountList:
    """List the caller's accounts with what the banks say is on them."""
    db = await story()
    safe = await vault.of(db, house.keys.kms, me.subject, story.now)
    known = await banks.listed(db)
    found = await bank_account.listed(db, safe, me.subject)
    return BankAccountList(accounts=[await _view(db, each, known[each.partner][0]) for each in found])


@get(
    "/v1/bank-accounts/{bank_account_id:str}",
    operation_id="getBankAccount",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="An account at a bank",
)
async def get_account(
    bank_account_id: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> BankAccountView:
    """Show an account: its IBAN once the bank opened it, and what is on it."""
    db = await story()
    safe = await vault.of(db, house.keys.kms, me.subject, story.now)
    found = await bank_account.find(db, safe, me.subject, ids.parse("bank_account", bank_account_id))
    return await _view(db, found, (await banks.listed(db))[found.partner][0])


@post(
    "/v1/bank-transfers",
    operation_id="moveToBank",
    opt={"scope": "wallet:write", "idempotent": True},
    tags=_TAGS,
    summary="Move money between wallet and account",
)
async def move(
    request: Request[Any, Any, Any],
    data: JSONBody[MoveMoney],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[BankTransferView]:
    """Set the money aside and have the bank move it: e-money into an account's money, or back."""
    reply = await moving.move(
        house,
        me,
        ids.parse("bank_account", data.bank_account_id),
        data.direction,
        Money(data.amount_minor, KZT),
        confirmation=data.step_up,
        claim=idempotency.claim_of(request, me.actor, await request.body()),
        render=answers.one(request, Order, _moved, status=201, place="/v1/bank-transfers"),
    )
    return answers.sent(reply)


def _moved(order: Order) -> BankTransferView:
    return BankTransferView.of(order, order.requested_at)


@get(
    "/v1/bank-transfers/{bank_transfer_id:str}",
    operation_id="getBankTransfer",
    opt={"scope": "wallet:read"},
    tags=_TAGS,
    summary="Money between wallet and account",
)
async def get_transfer(bank_transfer_id: FromPath[str], story: NamedDependency[Story]) -> BankTransferView:
    """Show where it is."""
    wanted: UUID = ids.parse("bank_transfer", bank_transfer_id)
    found = await order.find(await story(), wanted, Kind.TO_ACCOUNT, Kind.FROM_ACCOUNT)
    return BankTransferView.of(found, story.now)


async def _view(db: AsyncConnection, found: BankAccount, code: str) -> BankAccountView:
    currency: Any = found.currency.value
    return BankAccountView(
        id=ids.show("bank_account", found.id),
        bank=code,
        currency=currency,
        state=found.state,
        asked_at=found.asked_at,
        iban=found.details.iban if found.details else None,
        bic=found.details.bic if found.details else None,
        balance=MoneyWire.of(found.reported) if found.reported is not None else None,
        balance_at=found.reported_at,
        available=MoneyWire.of(await bank_account.available(db, found)),
    )


routes = [list_banks, open_account, list_accounts, get_account, move, get_transfer]
