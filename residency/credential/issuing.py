"""A credential is issued: entries are reserved, a copy is signed for each key, nothing of a copy is kept.

route      app/http/wallet_openid/credential.py        POST /openid4vci/credential
proves     residency/credential/wallets/key_proof.py   check()
reserves   residency/credential/issuing.py             reserve()   <- you are here
signs      residency/credential/issuing.py             sign()      <- and here
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from law import calendar
from proof import journal
from residency.credential import dataset, entries, events, jws, life, renewal, sd_jwt, tables
from residency.credential.configuration import DOC_TYPES, Configuration, Format, vct
from residency.credential.cose import CoseSeal
from residency.credential.dataset import Kind, Resident, Sources
from residency.credential.entries import Entry
from residency.credential.life import State
from residency.credential.mdoc import issuing as mdoc
from residency.credential.mdoc.issuing import StatusEntry, Validity
from residency.credential.seal import Seal
from residency.credential.wallets.grade import Grade

#: A copy lives this long, or as long as the status or the signer's certificate where that is shorter.
LIFE = timedelta(days=90)
#: Copies that one wallet may have alive at once, used or not: five shown on each of 90 days, and batches in hand.
COPIES_MAX = 500


class NotActive(Exception):
    """The credential is paused or suspended: no copy is issued until it is active again."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.state = state


class TooManyCopies(Exception):
    """The wallet has `copies_max` copies that have not expired, or would have more."""

    def __init__(self, copies_max: int) -> None:
        super().__init__(copies_max)
        self.copies_max = copies_max


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Copies asked for: by `holder`'s wallet, whose DPoP key has the thumbprint `device`.

    `made_at` and `expires_at` are of the real clock: it is the one that verifiers have. `grade` is the wallet's.
    """

    holder: UUID
    configuration: Configuration
    device: str
    copies: int
    made_at: datetime
    expires_at: datetime
    sources: Sources | None = None
    grade: Grade = Grade.BASIC


class Reserved(msgspec.Struct, frozen=True):
    """What was set aside for an order; `notification_id` goes to the wallet, we keep its hash."""

    credential: UUID
    issuance: UUID
    entries: tuple[Entry, ...]
    notification_id: str


class Issuer(msgspec.Struct, frozen=True):
    """Who signs: the issuer's URL, its seal for either format, over one key, and where a status list lives."""

    url: str
    seal: Seal
    cose_seal: CoseSeal
    list_url: Callable[[UUID], str]


def expiry(at: datetime, *, resident: Resident, seal: Seal) -> datetime:
    """Answer when a copy issued at `at` ends: a midnight (UTC), so that it tells nothing of the hour of issue."""
    ends = [at + LIFE, seal.chain[0].not_valid_after_utc]
    if resident.expires_on is not None:
        ends.append(calendar.day_starts(resident.expires_on + timedelta(days=1)))
    return _midnight(min(ends))


async def require_issuable(db: AsyncConnection, holder: UUID, kind: Kind) -> None:
    """Let pass whose credential is active or yet to be opened; raises NotActive."""
    found = (await db.execute(_held(holder, kind))).one_or_none()
    if found is not None and State(found.state) is not State.ACTIVE:
        raise NotActive(State(found.state))


def _held(holder: UUID, kind: Kind) -> Select[tuple[object, ...]]:
    table = tables.credential
    return select(table).where(table.c.holder == holder, table.c.kind == kind, table.c.state.not_in(life.ENDED))


async def reserve(db: AsyncConnection, order: Order, *, actor: str, at: datetime) -> Reserved:
    """Set everything aside for `order`, opening the holder's credential if need be; raises NotActive, TooManyCopies."""
    credential = await _alive(db, order, actor=actor, at=at)
    if (state := State(credential.state)) is not State.ACTIVE:
        raise NotActive(state)
    table = tables.issuance
    alive = select(func.sum(table.c.copies)).where(
        table.c.credential == credential.id,
        table.c.device == order.device,
        table.c.expires_at > order.made_at,
    )
    if (await db.scalar(alive) or 0) + order.copies > COPIES_MAX:
        raise TooManyCopies(COPIES_MAX)
    taken = await entries.take(db, order.copies, at=at)
    notification_id = secrets.token_urlsafe(24)
    issuance = await _store(db, order, credential.id, taken, notification_id, at=at)
    fact = events.Issued(
        credential=credential.id,
        issuance=issuance,
        copies=order.copies,
        expires_at=order.expires_at,
        grade=order.grade.value,
    )
    await _record(db, order.holder, fact, actor=actor, at=at)
    await renewal.issued(db, credential.id, at=order.made_at)
    return Reserved(credential.id, issuance, tuple(taken), notification_id)


async def _alive(db: AsyncConnection, order: Order, *, actor: str, at: datetime) -> Row[tuple[object, ...]]:
    """Lock the holder's credential of this kind, or open it; of two that open at once one waits and finds it."""
    table = tables.credential
    mine = _held(order.holder, order.configuration.kind)
    while (found := (await db.execute(mine.with_for_update())).one_or_none()) is None:
        born = {"holder": order.holder, "state": State.ACTIVE.value}
        new = (
            insert(table)
            .values(**born, kind=order.configuration.kind.value, version=1, opened_at=at)
            .on_conflict_do_nothing()
        )
        if (credential := await db.scalar(new.returning(table.c.id))) is not None:
            row = born | {"credential": credential, "sort": 1, "actor": actor, "at": at}
            await db.execute(insert(tables.transition).values(row))
            await _record(db, order.holder, events.Opened(credential=credential), actor=actor, at=at)
    return found


async def _store(
    db: AsyncConnection, order: Order, credential: UUID, taken: Sequence[Entry], notification_id: str, *, at: datetime
) -> UUID:
    new = insert(tables.issuance).values(
        credential=credential,
        holder=order.holder,
        configuration=order.configuration.id,
        device=order.device,
        copies=order.copies,
        expires_at=order.expires_at,
        notification_hash=hash_of(notification_id),
        grade=order.grade.value,
        at=at,
        document=order.sources.document if order.sources else None,
        iin=order.sources.iin if order.sources else None,
    )
    issuance: UUID = (await db.execute(new.returning(tables.issuance.c.id))).scalar_one()
    of = {"issuance": issuance, "credential": credential, "holder": order.holder}
    await db.execute(insert(tables.copy), [{"list": one.list, "idx": one.idx, **of} for one in taken])
    return issuance


async def _record(db: AsyncConnection, holder: UUID, event: events.CredentialFact, *, actor: str, at: datetime) -> None:
    fact = journal.Fact(aggregate=event.credential, holder=holder, at=at, actor=actor, event=event)
    await journal.append(db, tables.event, fact)


def hash_of(notification_id: str) -> bytes:
    """Hash the id that a wallet will name its issuance by."""
    return hashlib.sha256(notification_id.encode()).digest()


def sign(
    resident: Resident,
    asked: Configuration,
    keys: Sequence[dict[str, str]],
    taken: Sequence[Entry],
    *,
    issuer: Issuer,
    at: datetime,
) -> list[str]:
    """Sign one copy for each key. Two copies share no salt, no entry and no instant, only what they say."""
    write = _mdocs if asked.format is Format.MDOC else _sd_jwts
    return write(resident, asked.kind, list(zip(keys, taken, strict=True)), issuer=issuer, at=at)


_Pairs = Sequence[tuple[dict[str, str], Entry]]


def _sd_jwts(resident: Resident, kind: Kind, wanted: _Pairs, *, issuer: Issuer, at: datetime) -> list[str]:
    told = dataset.claims(resident, kind, on=calendar.statutory_date(at), filled=True)
    expires_at = expiry(at, resident=resident, seal=issuer.seal)
    always = {
        "iss": issuer.url,
        "vct": vct(issuer.url, kind),
        "iat": int(_midnight(at).timestamp()),
        "exp": int(expires_at.timestamp()),
    }
    return [
        sd_jwt.issue(always | {"cnf": {"jwk": key}, "status": _status(one, issuer)} | told, seal=issuer.seal)
        for key, one in wanted
    ]


def _mdocs(resident: Resident, kind: Kind, wanted: _Pairs, *, issuer: Issuer, at: datetime) -> list[str]:
    """Write the IssuerSigned of each copy in base64url (OpenID4VCI 1.0, appendix A.2.4)."""
    told = dataset.elements(resident, kind, on=calendar.statutory_date(at))
    doc_type = DOC_TYPES[kind]
    prepared = mdoc.prepare(doc_type, doc_type, told, slots=len(dataset.of_kind(kind)))
    validity = Validity(_midnight(at), expiry(at, resident=resident, seal=issuer.seal))
    return [
        jws.b64(
            mdoc.issue(
                prepared,
                key,
                seal=issuer.cose_seal,
                validity=validity,
                status=StatusEntry(one.idx, issuer.list_url(one.list)),
            )
        )
        for key, one in wanted
    ]


def _status(one: Entry, issuer: Issuer) -> jws.Json:
    return {"status_list": {"idx": one.idx, "uri": issuer.list_url(one.list)}}


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)
