"""The history of the caller's wallet: all of it, or what of it is asked for.

path   GET /v1/wallets/me/entries  ->  wallet/history.py  page(), search()

A page costs the same however long the history is: a filter looks at a bounded number of entries each time, so a page
may hold few or none of what is wanted and still have a cursor behind it.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import language
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids, times
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import LINE, MoneyWire, Wire
from app.language import Language
from app.payments.note import Words
from app.statements import paper
from law.calendar import statutory_date
from law.money import KZT
from proof.kms import Kms
from wallet import account, asof, history
from wallet.account import Balance
from wallet.history import BIGINT_MAX, Entry, Wanted
from wallet.transfer import Kind

#: Moves between residents, of which each side may know the other's wallet: that is where it sent money, or may.
_BETWEEN_RESIDENTS = frozenset({"transfer", "transfer.list", "transfer.requested", "transfer.standing"})
#: So many entries are opened and looked through for one page: with keys in a token, half a second of its time.
OPENED_MAX = 500
_BEFORE_IT = timedelta(microseconds=1)
_WORD = r"^[A-Za-z0-9_.:/-]{1,64}$(?!\n)"
_MINOR_MAX = 2**53 - 1


def _listed(one: str) -> str:
    """Say by a regular expression what a list of such words is: no parameter is given twice (app/edge.py)."""
    return rf"^({one})(,({one})){{0,9}}$(?!\n)"


class EntryView(Wire, frozen=True, kw_only=True):
    """One line of the history: what moved (out is negative) and the balance after it.

    A hold moves nothing; `held` says by how much it binds or frees. `label` is the merchant of a card payment or the
    other person as they are shown, `message` what was written with it, `counterparty` the wallet money was sent to.
    """

    transfer: Annotated[str, Meta(examples=["transfer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    kind: Annotated[Kind, Meta(examples=["post"])]
    moved: MoneyWire
    held: MoneyWire
    balance: MoneyWire
    at: datetime
    value_on: Annotated[str, Meta(description="The value date, in Kazakhstan.", examples=["2026-11-22"])]
    code: Annotated[str, Meta(examples=["transfer"])]
    reference: Annotated[str, Meta(examples=["pay-2026-0001"])]
    description: Annotated[str, Meta(examples=["Card payment: Dostyk Books"])]
    label: Annotated[str | None, Meta(examples=["Dostyk Books"])] = None
    counterparty: Annotated[str | None, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])] = None
    message: Annotated[str | None, Meta(examples=["For dinner"])] = None


class EntryPage(Wire, frozen=True):
    """A page of the history, newest first; `next_cursor` is absent on the last, not on every page that is not full."""

    entries: list[EntryView]
    next_cursor: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """The filters of a request, as they were written: they bind its cursors."""

    kind: str | None
    code: str | None
    direction: str | None
    least_minor: int | None
    most_minor: int | None
    booked_from: str | None
    booked_before: str | None
    reference: str | None
    counterparty: str | None
    text: str | None

    @property
    def is_empty(self) -> bool:
        """Whether everything is wanted."""
        return all(value is None for value in msgspec.structs.astuple(self))


@get(
    "/v1/wallets/me/entries",
    operation_id="listEntries",
    opt={"scope": "wallet:read", "may_lack": True},
    tags=["Wallet"],
    summary="The history",
)
async def list_entries(
    request: Request[Any, Any, Any],
    *,
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
    kind: Annotated[
        str | None, QueryParameter(pattern=_listed("|".join(Kind)), description="Only these kinds, with commas.")
    ] = None,
    code: Annotated[
        str | None,
        QueryParameter(pattern=_listed("[A-Za-z0-9_.:/-]{1,64}"), description="Only these codes, with commas."),
    ] = None,
    direction: Annotated[
        str | None, QueryParameter(pattern=r"^(in|out)$(?!\n)", description="`in`: received; `out`: paid.")
    ] = None,
    least_minor: Annotated[int | None, QueryParameter(ge=1, le=_MINOR_MAX, description="This much or more.")] = None,
    most_minor: Annotated[int | None, QueryParameter(ge=1, le=_MINOR_MAX, description="This much or less.")] = None,
    booked_from: Annotated[str | None, QueryParameter(pattern=times.INSTANT, description="RFC 3339.")] = None,
    booked_before: Annotated[str | None, QueryParameter(pattern=times.INSTANT, description="Not included.")] = None,
    reference: Annotated[str | None, QueryParameter(pattern=_WORD, description="Exactly this reference.")] = None,
    counterparty: Annotated[
        str | None, QueryParameter(pattern=ids.pattern("wallet"), description="Only what was sent to this wallet.")
    ] = None,
    text: Annotated[
        str | None,
        QueryParameter(min_length=2, max_length=100, pattern=LINE, description="In words, names or reference."),
    ] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
) -> EntryPage:
    """List what happened in the wallet, newest first. A filtered page may be short of rows and still not the last."""
    asked = Asked(
        kind, code, direction, least_minor, most_minor, booked_from, booked_before, reference, counterparty, text
    )
    db = await story()
    mine = await account.wallet(db, me.subject)
    pager = Pager(house.keys.cursor, f"entries/{mine.account}/{_digest(asked)}")
    place = pager.place(cursor)
    before = int(place) if place else BIGINT_MAX
    tag = language.choose(request.headers.get("accept-language"))
    if asked.is_empty:
        entries = await history.page(db, account=mine.account, lane=mine.lane, before=before, size=limit + 1)
        views, behind = await _views(db, house.keys.kms, mine, entries, tag), None
    else:
        wanted = await _wanted(db, mine, asked, before)
        # What is said of an entry is known once it is read; everything else the database compares.
        looks = {"size": limit + 1} if text is None else {"size": OPENED_MAX, "window": OPENED_MAX}
        found = await history.search(
            db, account=mine.account, lane=mine.lane, newest=mine.version, wanted=wanted, **looks
        )
        entries, behind = found.entries, found.next_before
        views = await _views(db, house.keys.kms, mine, entries, tag)
        if text is not None:
            kept = [pair for pair in zip(entries, views, strict=True) if _says(pair[1], text)]
            entries, views = [entry for entry, _ in kept], [view for _, view in kept]
    if len(views) > limit:
        behind = entries[limit - 1].version
    return EntryPage(entries=views[:limit], next_cursor=None if behind is None else pager.cursor(str(behind)))


async def _wanted(db: AsyncConnection, mine: Balance, asked: Asked, before: int) -> Wanted:
    async def version(name: str, otherwise: int) -> int:
        """Count the legs booked before an instant."""
        at = times.read(datetime, getattr(asked, name), name)
        if at is None:
            return otherwise
        before_it = at - _BEFORE_IT
        found = await asof.as_of(db, account=mine.account, lane=mine.lane, currency=KZT, recorded_at=before_it)
        return found.version

    last = await version("booked_before", BIGINT_MAX - 1)
    codes = None if asked.code is None else frozenset(asked.code.split(","))
    outgoing = None if asked.direction is None else asked.direction == "out"
    if asked.counterparty is not None:  # nobody finds out here who it was that sent something
        codes = frozenset() if outgoing is False else _BETWEEN_RESIDENTS & (codes or _BETWEEN_RESIDENTS)
        outgoing = True
    return Wanted(
        kinds=None if asked.kind is None else tuple(asked.kind.split(",")),
        codes=None if codes is None else tuple(sorted(codes)),
        outgoing=outgoing,
        least=asked.least_minor or 0,
        most=asked.most_minor or BIGINT_MAX,
        reference=asked.reference,
        counter=None if asked.counterparty is None else ids.parse("wallet", asked.counterparty),
        after=await version("booked_from", 0),
        before=min(before, last + 1),
    )


async def _views(
    db: AsyncConnection, kms: Kms, mine: Balance, entries: Sequence[Entry], tag: Language
) -> list[EntryView]:
    """Show entries. Names and messages are sealed: they are opened here, and looked through afterwards."""
    labels = await paper.merchants(db, mine.lane, [entry.reference for entry in entries])
    words = await paper.words(db, kms, [entry.id for entry in entries if entry.code in _BETWEEN_RESIDENTS])
    return [_view(entry, labels.get(entry.reference), words.get(entry.id), tag) for entry in entries]


def _view(entry: Entry, merchant: str | None, words: Words | None, tag: Language) -> EntryView:
    label = merchant or paper.other(words, comes=not entry.outgoing)
    sent = entry.outgoing and entry.code in _BETWEEN_RESIDENTS
    return EntryView(
        transfer=ids.show("transfer", entry.id),
        kind=entry.kind,
        moved=MoneyWire.of(entry.moved),
        held=MoneyWire.of(entry.held),
        balance=MoneyWire.of(entry.balance),
        at=entry.at,
        value_on=statutory_date(entry.effective).isoformat(),
        code=entry.code,
        reference=entry.reference,
        description=paper.said(entry.kind, entry.code, label, tag, comes=not entry.outgoing),
        label=label or None,
        counterparty=ids.show("wallet", entry.counter) if sent else None,
        message=words.text or None if words else None,
    )


def _says(view: EntryView, text: str) -> bool:
    wanted = text.casefold()
    return any(wanted in said.casefold() for said in (view.description, view.reference, view.message or ""))


def _digest(asked: Asked) -> str:
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()


routes = [list_entries]
