"""The resident's receipts: proof that every copy of the ID was issued in the open.

path   GET /v1/me/credentials/{id}/receipts  ->  residency/credential/transparency/log.py  receipts()

A copy is recognised by its entry in the status list. Who has the copy and its receipt checks it without us:
`eresidency issuance receipt --copy FILE --receipt FILE --root FILE`.
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Meta

from app import clock
from app.auth.principal import Principal
from app.credentials import entitlement
from app.db import Story
from app.house import House
from app.http import ids
from app.http.public.issuance_log import HashText, HeadJws
from app.http.wire import Wire
from residency.credential import holding
from residency.credential.transparency import log
from residency.credential.transparency.log import Logged
from residency.credential.transparency.log_head import Receipt


class ReceiptView(Wire, frozen=True):
    """The entry at `index` is a hash over `salt` and what was signed of the copy; `path` leads from it to `head`."""

    salt: HashText
    index: Annotated[int, Meta(ge=0, examples=[17])]
    path: list[HashText]
    head: HeadJws

    @classmethod
    def of(cls, found: Receipt) -> "ReceiptView":
        """Show a receipt."""
        return cls(salt=found.salt, index=found.index, path=list(found.path), head=found.head)


class CopyReceipt(Wire, frozen=True):
    """A copy by its status, and its receipt; null for a minute or so, until a head covers it."""

    status_list: Annotated[str, Meta(examples=["https://id.example/status-lists/list_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    idx: Annotated[int, Meta(ge=0, examples=[4711])]
    receipt: ReceiptView | None


class CopyReceipts(Wire, frozen=True):
    """A receipt for each copy that has not ended."""

    copies: list[CopyReceipt]


@get(
    "/v1/me/credentials/{credential_id:str}/receipts",
    operation_id="listCredentialReceipts",
    opt={"scope": "credential:read"},
    tags=["Credentials"],
    summary="Proofs that the copies are in the issuance log",
)
async def list_credential_receipts(
    credential_id: FromPath[str],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
) -> CopyReceipts:
    """Give a receipt for each copy. A copy that has none after some minutes was issued behind your back: tell us."""
    db, now = await story(), clock.real()
    held = await holding.one(db, me.subject, ids.parse("credential", credential_id), at=now)
    found = await log.receipts(db, held.id, at=now)
    return CopyReceipts(copies=[_copy(each, house.settings.issuer) for each in found])


def _copy(found: Logged, issuer: str) -> CopyReceipt:
    return CopyReceipt(
        status_list=entitlement.list_url(issuer, found.list),
        idx=found.idx,
        receipt=None if found.receipt is None else ReceiptView.of(found.receipt),
    )


routes = [list_credential_receipts]
