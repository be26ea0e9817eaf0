"""Lists of foreign issuers, of statuses and of revoked signers: the newest of each, brought or asked for.

names   app/credentials/trusted.py                        statuses()  a document names a list: remembered, and asked for
asks    app/partners/status_lists.py                      step()      by claim(), heard() and later() of here
brings  POST /v1/status-list-tokens                       whoever has a token may hand it in: it proves itself
tells   residency/credential/presenting/foreign_lists.py  told(), vouched()      <- you are here

A list is asked for whole and on a schedule, so that its issuer does not learn from the moment whose document was shown;
only one that nobody named in the last day is asked for at once. What no token tells is not known, and a token that has
expired tells nothing.
"""

import re
from collections.abc import Container, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import msgspec
from cryptography import x509
from sqlalchemy import ColumnElement, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from residency.credential import cbor, cose, jws, pki, status_cwt, status_list
from residency.credential.check import Check, NotVerified, require
from residency.credential.presenting import foreign_crl
from residency.credential.presenting.judging import NO_LIST, Answer, Broken, Signer, Told, Untold
from residency.credential.presenting.tables import foreign_list
from residency.credential.presenting.trust import Anchor
from residency.credential.sd_jwt import StatusReference

#: Of a token: 2^20 entries of 8 bits, most of them set, compressed; base64 adds a third.
TOKEN_BYTES_MAX = 4 * 2**20
#: A list is asked for again after its `ttl`, within these bounds, as long as a document named it in the last day.
AGAIN_MIN, AGAIN, AGAIN_MAX = timedelta(minutes=1), timedelta(minutes=15), timedelta(days=1)
#: How far the clock of an issuer may run ahead of ours.
LEEWAY = timedelta(minutes=1)
_NEEDED_FOR, _NAMED_EVERY = timedelta(days=1), timedelta(hours=1)
#: A list of revoked signers names no such time; it is good for weeks.
_SIGNERS_TTL = timedelta(hours=1)
_BACKOFF_MAX = timedelta(hours=1)
_SUB, _EXP, _IAT, _TTL = 2, 4, 6, 65534  # claims of a CWT
_TROUBLE_MAX, _URI_MAX = 200, 500
_STRANGE = "unknown_root"
_ADDRESS = re.compile(rf"https?://[!-~]{{1,{_URI_MAX}}}")


class Unanswered(Exception):
    """Nobody answered, or not with a status list; `trouble` says in a line what there was instead."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Source(Protocol):
    """Where lists are asked for: the port."""

    async def fetch(self, uri: str) -> bytes:
        """Give the token at `uri`; raises Unanswered."""
        ...


class NotBelieved(Exception):
    """The token proves nothing under any issuer that is believed; `reason` is a word of the check it failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Read(msgspec.Struct, frozen=True):
    """What a token says of itself, before anything of it is true."""

    uri: str
    signed_at: datetime
    expires_at: datetime
    ttl: timedelta | None


class Brought(msgspec.Struct, frozen=True):
    """A token that is believed: the list it is of, and under which issuer."""

    issuer: UUID
    uri: str
    signed_at: datetime
    expires_at: datetime


class Errand(msgspec.Struct, frozen=True):
    """A list to be asked for."""

    issuer: UUID
    uri: str
    tries: int
    named_at: datetime


def read(token: bytes) -> Read:
    """Read the claims of a token, as JWT or CWT; raises NotVerified."""
    try:
        if is_cwt(token):
            told = cbor.load(cose.parse(cose.untagged(token)).payload or b"")
            names: Sequence[object] = (_SUB, _IAT, _EXP, _TTL)
        else:
            told = jws.parse(token.decode("ascii")).payload
            names = ("sub", "iat", "exp", "ttl")
    except (cose.BadMessage, cbor.Malformed, jws.Unreadable, UnicodeDecodeError) as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error
    try:
        uri, signed, expires, ttl = (told.get(name) for name in names)
        at, until = datetime.fromtimestamp(signed, UTC), datetime.fromtimestamp(expires, UTC)
        again = None if ttl is None else timedelta(seconds=ttl)
        well = _ADDRESS.fullmatch(uri) is not None
    except (AttributeError, TypeError, ValueError, OverflowError, OSError) as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error
    require(well, Check.STATUS, "unreadable_list")
    return Read(uri, at, until, again)


def look_up(
    token: bytes,
    reference: StatusReference,
    roots: tuple[x509.Certificate, ...],
    *,
    at: datetime,
    revoked: Container[int] = (),
) -> int:
    """Answer an entry out of a token of the list it refers to; raises NotVerified."""
    index, uri = reference.idx, reference.uri
    if is_cwt(token):
        return status_cwt.look_up(token, index, uri=uri, roots=roots, at_time=at, revoked=revoked)
    try:
        text_ = token.decode("ascii")
    except UnicodeDecodeError as error:
        raise NotVerified(Check.STATUS, "unreadable_list") from error
    return status_list.look_up(text_, index, uri=uri, roots=roots, at_time=at, revoked=revoked)


def is_cwt(token: bytes) -> bool:
    """Tell the two forms of a token apart: a CWT begins with its tag, a JWT is text."""
    return token[:1] == cose.tagged(b"")


def verified(token: bytes, anchor: Anchor, *, at: datetime) -> Read:
    """Read a token that is signed under an issuer and not from the future; raises NotVerified."""
    if foreign_crl.is_one(token):
        found = _list_of_signers(token, anchor, at=at)
        require(found.signed_at <= at + LEEWAY, Check.STATUS, "from_the_future")
        return found
    found = read(token)
    look_up(token, StatusReference(0, found.uri), anchor.certificates, at=at)
    require(found.signed_at <= at + LEEWAY, Check.STATUS, "from_the_future")
    # Whoever signs statuses could else put one in the place of the list that says he was revoked.
    require(found.uri != anchor.crl_at, Check.STATUS, "other_list")
    return found


def _list_of_signers(token: bytes, anchor: Anchor, *, at: datetime) -> Read:
    """Read a list of revoked signers that an issuer is known to keep; raises NotVerified."""
    found, ends = foreign_crl.read(token)
    require(any(pki.lists(found, each) for each in anchor.certificates), Check.SIGNER, _STRANGE)
    require(at < ends, Check.SIGNER, "list_expired")
    if anchor.crl_at is None:
        raise NotVerified(Check.SIGNER, NO_LIST)
    return Read(anchor.crl_at, foreign_crl.signed_at(found), ends, _SIGNERS_TTL)


async def bring(db: AsyncConnection, token: bytes, anchors: Sequence[Anchor], *, at: datetime) -> list[Brought]:
    """Keep a token for every foreign issuer under whom it is signed; raises NotBelieved."""
    kept: list[Brought] = []
    reasons: list[str] = []
    for anchor in anchors:
        try:
            found = verified(token, anchor, at=at)
        except NotVerified as error:
            reasons.append(error.reason)
            continue
        assert anchor.id is not None, "our own lists are ours to tell"
        await _keep(db, anchor.id, found, token, at=at)
        kept.append(Brought(anchor.id, found.uri, found.signed_at, found.expires_at))
    if not kept:
        # That it is not of this or that issuer says nothing; what is wrong with it under its own does.
        raise NotBelieved(next((each for each in reasons if each != _STRANGE), _STRANGE))
    return kept


async def told(db: AsyncConnection, reference: StatusReference, anchor: Anchor, *, at: datetime) -> Answer:
    """Say what is known of an entry; a list that may be asked for is, from now on."""
    at_home = anchor.lists_at is not None and reference.uri.startswith(anchor.lists_at)
    is_asked = at_home and _ADDRESS.fullmatch(reference.uri) is not None
    row = await _known(db, anchor, reference.uri, is_asked=is_asked, at=at)
    if row is None:
        return Untold("not_asked_yet" if is_asked else "foreign_list")
    token, signed_at = row
    try:
        return Told(look_up(token, reference, anchor.certificates, at=at), signed_at)
    except NotVerified as error:
        return Broken(error.reason) if error.reason == "index_out_of_range" else Untold(error.reason)


async def vouched(db: AsyncConnection, signer: Signer, anchor: Anchor, *, at: datetime) -> Answer:
    """Say whether a signer was revoked; where its issuer keeps a list, it is asked for from now on."""
    if anchor.crl_at is None:
        return Untold(NO_LIST)
    row = await _known(db, anchor, anchor.crl_at, is_asked=True, at=at)
    if row is None:
        return Untold("not_asked_yet")
    token, signed_at = row
    try:
        return Told(foreign_crl.look_up(token, signer.path, at=at), signed_at)
    except NotVerified as error:
        return Untold(error.reason)


async def _known(
    db: AsyncConnection, anchor: Anchor, uri: str, *, is_asked: bool, at: datetime
) -> tuple[bytes, datetime] | None:
    """Give the newest token of a list and when it was signed; one that may be asked for is, from now on."""
    assert anchor.id is not None, "our own lists are ours to tell"
    c = foreign_list.c
    query = select(c.token, c.signed_at, c.named_at, c.due_at)
    row = (await db.execute(query.where((c.issuer == anchor.id) & (c.uri == uri)))).one_or_none()
    if is_asked and (row is None or row.due_at is None or row.named_at < at - _NAMED_EVERY):
        await _name(db, anchor.id, uri, at)
    return None if row is None or row.token is None else (row.token, row.signed_at)


async def tokens(db: AsyncConnection, issuers: Sequence[UUID], *, at: datetime) -> list[tuple[UUID, str, bytes]]:
    """Give every token of these issuers that has not expired: whose, of which list, and itself."""
    c = foreign_list.c
    query = select(c.issuer, c.uri, c.token).where(c.issuer.in_(issuers) & (c.expires_at > at))
    return [(row.issuer, row.uri, row.token) for row in await db.execute(query.order_by(c.issuer, c.uri))]


async def claim(db: AsyncConnection, *, now: datetime, until: datetime, limit: int) -> list[Errand]:
    """Take the lists that are to be asked for, for one to ask until `until`."""
    rows = await db.execute(_CLAIM, {"now": now, "until": until, "limit": limit})
    return [msgspec.convert(row, Errand, from_attributes=True) for row in rows]


async def heard(db: AsyncConnection, errand: Errand, token: bytes, anchor: Anchor, *, at: datetime) -> None:
    """Keep what was answered; raises NotVerified where it is no token of this list and issuer."""
    found = verified(token, anchor, at=at)
    require(found.uri == errand.uri, Check.STATUS, "other_list")
    await _keep(db, errand.issuer, found, token, at=errand.named_at)
    again = min(found.ttl or AGAIN, AGAIN_MAX, found.expires_at - at)
    await _schedule(db, errand, at, max(again, AGAIN_MIN), tries=0, trouble=None)


async def later(db: AsyncConnection, errand: Errand, *, trouble: str, at: datetime) -> None:
    """Ask again, later the more often it was tried."""
    wait = min(AGAIN_MIN * (1 << min(errand.tries, 10)), _BACKOFF_MAX)
    await _schedule(db, errand, at, wait, tries=errand.tries, trouble=trouble[:_TROUBLE_MAX])


async def rest(db: AsyncConnection, errand: Errand) -> None:
    """Ask no more: its issuer is not believed any longer."""
    await db.execute(update(foreign_list).where(_is(errand)).values(due_at=None))


async def _schedule(
    db: AsyncConnection, errand: Errand, at: datetime, wait: timedelta, *, tries: int, trouble: str | None
) -> None:
    due_at = at + wait if errand.named_at > at - _NEEDED_FOR else None
    values = {"due_at": due_at, "tries": tries, "trouble": trouble}
    await db.execute(update(foreign_list).where(_is(errand)).values(values))


def _is(errand: Errand) -> ColumnElement[bool]:
    return (foreign_list.c.issuer == errand.issuer) & (foreign_list.c.uri == errand.uri)


async def _name(db: AsyncConnection, issuer: UUID, uri: str, at: datetime) -> None:
    row = insert(foreign_list).values(issuer=issuer, uri=uri, named_at=at, due_at=at)
    again = {"named_at": at, "due_at": func.coalesce(foreign_list.c.due_at, at)}
    await db.execute(row.on_conflict_do_update(index_elements=["issuer", "uri"], set_=again))


async def _keep(db: AsyncConnection, issuer: UUID, found: Read, token: bytes, *, at: datetime) -> None:
    """Store a token unless a newer one is there: who replays an old one undoes no revocation."""
    values = {"token": token, "signed_at": found.signed_at, "expires_at": found.expires_at}
    row = insert(foreign_list).values(issuer=issuer, uri=found.uri, named_at=at, **values)
    known = foreign_list.c.signed_at
    newer = known.is_(None) | (known <= found.signed_at)
    await db.execute(row.on_conflict_do_update(index_elements=["issuer", "uri"], set_=values, where=newer))


_CLAIM = text(
    """
    UPDATE credential.foreign_list SET due_at = :until, tries = tries + 1
    WHERE (issuer, uri) IN (
        SELECT issuer, uri FROM credential.foreign_list WHERE due_at <= :now ORDER BY due_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    ) RETURNING issuer, uri, tries, named_at
    """
)
