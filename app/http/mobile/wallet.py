"""The resident's wallet: open it, see what is in it."""

from datetime import datetime
from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import MoneyWire, Wire
from app.idempotency import Once
from app.limiting import opening
from app.payments import payee
from wallet import account

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


@post(
    "/v1/wallets",
    operation_id="openWallet",
    opt={"scope": "wallet:write"},
    tags=["Wallet"],
    summary="Open the wallet",
)
async def open_wallet(
    once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[WalletView]:
    """Open the caller's tenge wallet: once, and only after identification (Payments Law art. 42)."""

    async def act(story: Story) -> WalletView:
        db = await story()
        await opening.require(db, me.subject, story.now)
        wallet = mint.new()
        lane = await account.newcomers_lane(db, wallet)
        await account.open_wallet(db, holder=me.subject, account=wallet, lane=lane, actor=me.actor, at=story.now)
        await payee.introduce(db, house, me.subject, actor=me.actor, at=story.now)
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


routes = [open_wallet, get_wallet]
