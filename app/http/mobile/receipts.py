"""The resident's receipt: proof of a transfer that anybody can check without us.

path   GET /v1/transfers/{id}/receipt  ->  wallet/receipt.py, app/anchor.py
"""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import anchor
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from wallet import account, history, receipt
from wallet.receipt import Receipt

Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["ab" * 32])]


class AnchoredView(Wire, frozen=True):
    """The signed statement: the block's hash is leaf `index` of the `size` under the root it states for the lane.

    The statement is also at `/v1/public/anchors`, and kept outside.
    """

    no: Annotated[int, Meta(ge=1, examples=[17])]
    minute: datetime
    index: Annotated[int, Meta(ge=0, examples=[0])]
    size: Annotated[int, Meta(ge=1, examples=[1])]
    path: list[Hash]
    jws: Annotated[str, Meta(examples=["eyJhbGciOiJFZERTQSJ9.eyJubyI6MTd9.c2lnbmF0dXJl"])]


class ReceiptView(Wire, frozen=True):
    """Proof that the transfer is in the ledger (RFC 6962 paths); all hashes SHA-256 in hex.

    `leaf` and `path` give `root`; lane, block, first_seq, last_seq and `root` behind `prev` give `hash`; `anchor` says
    who signed that, and is null until the minute has ended.
    """

    leaf: Annotated[str, Meta(pattern=r"^[0-9a-f]+$(?!\n)", examples=["69000000013173"])]
    index: Annotated[int, Meta(ge=0, examples=[0])]
    size: Annotated[int, Meta(ge=1, examples=[1])]
    path: list[Hash]
    root: Hash
    lane: Annotated[int, Meta(ge=1, examples=[1])]
    block: Annotated[int, Meta(ge=1, examples=[7])]
    first_seq: Annotated[int, Meta(ge=1, examples=[42])]
    last_seq: Annotated[int, Meta(ge=1, examples=[42])]
    prev: Hash
    hash: Hash
    anchor: AnchoredView | None


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
    """Prove that a transfer of the caller's is in the ledger's hash chain, and that the chain was signed."""
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
        anchored = await _anchored(everything, proof)
    return ReceiptView(
        leaf=proof.leaf.hex(),
        index=proof.index,
        size=proof.size,
        path=[sibling.hex() for sibling in proof.path],
        root=proof.root.hex(),
        lane=proof.lane,
        block=proof.block,
        first_seq=proof.first_seq,
        last_seq=proof.last_seq,
        prev=proof.prev.hex(),
        hash=proof.hash.hex(),
        anchor=anchored,
    )


async def _anchored(everything: AsyncConnection, proof: Receipt) -> AnchoredView | None:
    found = await anchor.covering(everything, f"lane/{proof.lane}", proof.block)
    if found is None:
        return None
    among = await receipt.among(everything, lane=proof.lane, block=proof.block, after=found.after, last=found.position)
    return AnchoredView(
        no=found.anchor.no,
        minute=found.anchor.minute,
        index=among.index,
        size=among.size,
        path=[sibling.hex() for sibling in among.path],
        jws=found.anchor.jws,
    )


routes = [get_receipt]
