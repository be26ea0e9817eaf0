"""The log of issuance, for anybody to mirror: whoever has a head can tell whether anything before it was changed.

commits   residency/credential/transparency/log.py   append()
merges    app/credentials/issuance_log.py            step()
shows     GET /v1/public/issuance-log                and below it   <- you are here

Every copy of a credential has one entry, a salted hash in random order; some entries are of nothing. Only who has a
copy and its receipt finds the entry (GET /v1/me/credentials/{id}/receipts).
"""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from app.db import Story
from app.http.paging import Limit
from app.http.wire import Wire
from residency.credential import jws
from residency.credential.transparency import log
from residency.credential.transparency.log import Signed

_OPT = {"scope": "public", "cors": "*"}
_TAGS = ["Issuance log"]
_POSITION_MAX = 2**53 - 1
#: How many entries one page of a mirror has at most.
_ENTRIES_MAX = 1_024

HeadJws = Annotated[
    str,
    Meta(
        pattern=r"^[\w-]+\.[\w-]+\.[\w-]+$(?!\n)",
        description="RFC 7515, ES256 under the credential root; payload: `iss`, `iat`, `size`, `root`, `prev`.",
        examples=["eyJhbGciOiJFUzI1NiJ9.eyJzaXplIjozMn0.c2ln"],
    ),
]
HashText = Annotated[
    str,
    Meta(pattern=r"^[\w-]{43}$(?!\n)", description="SHA-256, base64url.", examples=["7g1K" + "A" * 39]),
]
Size = Annotated[int, QueryParameter(ge=1, le=_POSITION_MAX, description="The size of a log that a head is about.")]


class HeadView(Wire, frozen=True):
    """What was signed about the first `size` entries; each head names the one before."""

    size: Annotated[int, Meta(ge=1, examples=[32])]
    jws: HeadJws

    @classmethod
    def of(cls, found: Signed) -> "HeadView":
        """Show a head."""
        return cls(size=found.size, jws=found.jws)


class LogView(Wire, frozen=True):
    """Where the log stands; there is no head while nothing was issued."""

    head: HeadView | None


class HeadPage(Wire, frozen=True):
    """Heads in the order of their sizes."""

    heads: list[HeadView]


class EntryPage(Wire, frozen=True):
    """Entries from a position on. The leaf of an entry is its 32 bytes (RFC 9162 section 2.1.1)."""

    start: Annotated[int, Meta(ge=0, examples=[0])]
    entries: list[HashText]


class Consistency(Wire, frozen=True):
    """Proof that the log of `second` entries begins with that of `first` (RFC 9162 section 2.1.4)."""

    first: Annotated[int, Meta(ge=1, examples=[32])]
    second: Annotated[int, Meta(ge=1, examples=[64])]
    path: list[HashText]


@get(
    "/v1/public/issuance-log",
    operation_id="getIssuanceLog",
    opt=_OPT,
    tags=_TAGS,
    summary="Newest signed head of the issuance log",
)
async def get_issuance_log(story: NamedDependency[Story]) -> LogView:
    """Show the newest head. Keep it, and you can prove what the log was."""
    found = await log.newest(await story())
    return LogView(head=None if found is None else HeadView.of(found))


@get(
    "/v1/public/issuance-log/heads",
    operation_id="listIssuanceLogHeads",
    opt=_OPT,
    tags=_TAGS,
    summary="Signed heads of the issuance log",
)
async def list_heads(
    story: NamedDependency[Story],
    after: Annotated[int, QueryParameter(ge=0, le=_POSITION_MAX, description="Only heads of more entries.")] = 0,
    limit: Limit = 20,
) -> HeadPage:
    """Show heads, the smallest first."""
    return HeadPage(heads=list(map(HeadView.of, await log.following(await story(), after, limit))))


@get(
    "/v1/public/issuance-log/entries",
    operation_id="listIssuanceLogEntries",
    opt=_OPT,
    tags=_TAGS,
    summary="Entries of the issuance log",
)
async def list_entries(
    story: NamedDependency[Story],
    start: Annotated[int, QueryParameter(ge=0, le=_POSITION_MAX, description="The first position shown.")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=_ENTRIES_MAX, description="How many entries at most.")] = 100,
) -> EntryPage:
    """Show entries; whoever reads all of them can compute the root of every head."""
    found = await log.entries(await story(), start, limit)
    return EntryPage(start=start, entries=list(map(jws.b64, found)))


@get(
    "/v1/public/issuance-log/consistency",
    operation_id="proveIssuanceLogConsistency",
    opt={**_OPT, "may_lack": True},
    tags=_TAGS,
    summary="Proof that the issuance log only grew",
)
async def prove_consistency(story: NamedDependency[Story], first: Size, second: Size) -> Consistency:
    """Prove that between two heads nothing was changed, taken away or put in between."""
    return Consistency(first=first, second=second, path=await log.growth(await story(), first, second))


routes = [get_issuance_log, list_heads, list_entries, prove_consistency]
