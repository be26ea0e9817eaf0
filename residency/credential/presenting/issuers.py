"""The trust list: foreign issuers whose documents are believed, each for a time, by the word of two officers (D3.1-d).

proposes  POST /v1/officer/foreign-issuers                propose()
decides   POST /v1/officer/foreign-issuers/{id}/decision  decide()
ends      POST /v1/officer/foreign-issuers/{id}/end       end(): one officer is enough to stop believing
reads     app/credentials/trusted.py                      today(), by anchors(): what a verdict goes by
refuses   the database (0041)                             one officer on both sides, a second decision, no end

That a document is believed says who issued it and that it is in force. What follows from it is for whoever asked: that
the status of another state's resident be recognised here is a mandate of the decree and no law yet.
"""

import enum
from collections.abc import Iterable
from datetime import date, datetime
from functools import lru_cache
from uuid import UUID

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import ColumnElement, Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from proof import journal
from residency.credential import pki
from residency.credential.presenting import events
from residency.credential.presenting.tables import foreign_issuer, foreign_issuer_end
from residency.credential.presenting.trust import Anchor, StatusPolicy
from residency.credential.tables import event

LONGEST_DAYS = 1_827
_CERTIFICATES_CACHED = 256


class Reason(enum.StrEnum):
    """Why an issuer is not believed any more."""

    COMPROMISED = "compromised"
    SUCCEEDED = "succeeded"
    GROUND_LAPSED = "ground_lapsed"
    MISTAKE = "mistake"


class ForeignIssuer(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it was proposed, and what became of it. It holds on the days from `begins_on` until before `ends_on`.

    `certificates` are pinned, DER: roots (an IACA, or another authority), or signers themselves. `lists_at` is the
    beginning of the addresses of its status lists; without one nobody asks for them, and only what is brought counts.
    `crl_at` is the address where its root lists the signers that it revoked.
    """

    id: UUID
    name: str
    country: str
    url: str | None
    vcts: tuple[str, ...]
    doc_types: tuple[str, ...]
    certificates: tuple[bytes, ...]
    legal_ground: str
    status: StatusPolicy
    lists_at: str | None
    crl_at: str | None = None
    status_age_max_s: int
    begins_on: date
    ends_on: date
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    agreed: bool | None = None
    ended_by: str | None = None
    ended_at: datetime | None = None
    ended_because: Reason | None = None


class UnknownIssuer(Exception):
    """There is no such entry."""


class NotNow(Exception):
    """The entry was decided or ended already, or waits to be decided: this does not happen to it now."""


class SameOfficer(Exception):
    """Who proposes and who decides are two people."""


class BadIssuer(Exception):
    """The entry can't be meant: `reason` says why, for whoever proposes it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def propose(
    db: AsyncConnection, asked: ForeignIssuer, *, ours: frozenset[str], own_roots: Iterable[x509.Certificate]
) -> ForeignIssuer:
    """Propose an entry; `ours` are the types of our own documents. Raises BadIssuer."""
    _check_term(asked)
    if taken := ours & {*asked.vcts, *asked.doc_types}:
        raise BadIssuer(f"{min(taken)} is a document of ours")
    if not asked.vcts and not asked.doc_types:
        raise BadIssuer("no type of document is named")
    if asked.lists_at is not None and not asked.lists_at.endswith("/"):
        raise BadIssuer("lists_at does not end with a slash, and would be the beginning of other names too")
    own = {each.public_bytes(Encoding.DER) for each in own_roots}
    for number, der in enumerate(asked.certificates):
        _check_certificate(f"certificates[{number}]", der, own, asked)
    given = msgspec.structs.asdict(asked)
    await db.execute(insert(foreign_issuer).values({name: given[name] for name in _STORED}))
    fact = events.ForeignIssuerProposed(country=asked.country, begins_on=asked.begins_on, ends_on=asked.ends_on)
    await _tell(db, asked.id, fact, asked.proposed_by, asked.proposed_at)
    return asked


def _check_term(asked: ForeignIssuer) -> None:
    if not 0 < (asked.ends_on - asked.begins_on).days <= LONGEST_DAYS:
        raise BadIssuer(f"the term is not of 1 to {LONGEST_DAYS} days")


def _check_certificate(where: str, der: bytes, own: set[bytes], asked: ForeignIssuer) -> None:
    """Refuse what could never be the root of anything, nor a signer."""
    if der in own:
        raise BadIssuer(f"{where} is a root of ours")
    try:
        found = x509.load_der_x509_certificate(der)
        usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    except pki.UNREADABLE as error:
        raise BadIssuer(f"{where} is no certificate in DER") from error
    except x509.ExtensionNotFound as error:
        raise BadIssuer(f"{where} does not say what its key is for") from error
    if not (usage.key_cert_sign or usage.digital_signature):
        raise BadIssuer(f"{where} is neither an authority nor a signer")
    if found.not_valid_after_utc.date() <= asked.begins_on:
        raise BadIssuer(f"{where} has ended before the term begins")


async def decide(db: AsyncConnection, wanted: UUID, *, agreed: bool, actor: str, at: datetime) -> ForeignIssuer:
    """Agree, or not; raises UnknownIssuer, NotNow, SameOfficer."""
    found = await find(db, wanted, lock=True)
    if found.agreed is not None:
        raise NotNow
    if found.proposed_by == actor:
        raise SameOfficer
    said = {"decided_by": actor, "decided_at": at, "agreed": agreed}
    await db.execute(update(foreign_issuer).where(foreign_issuer.c.id == wanted).values(said))
    await _tell(db, wanted, events.ForeignIssuerDecided(agreed=agreed), actor, at)
    return await find(db, wanted)


async def end(db: AsyncConnection, wanted: UUID, reason: Reason, *, actor: str, at: datetime) -> ForeignIssuer:
    """Stop believing an issuer, at once; raises UnknownIssuer, NotNow."""
    found = await find(db, wanted, lock=True)
    if found.agreed is not True or found.ended_at is not None:
        raise NotNow
    row = {"issuer": wanted, "reason": reason.value, "ended_by": actor, "ended_at": at}
    await db.execute(insert(foreign_issuer_end).values(row))
    await _tell(db, wanted, events.ForeignIssuerEnded(reason=reason), actor, at)
    return await find(db, wanted)


async def find(db: AsyncConnection, wanted: UUID, *, lock: bool = False) -> ForeignIssuer:
    """Read an entry; raises UnknownIssuer."""
    if lock:
        await db.execute(select(foreign_issuer.c.id).where(foreign_issuer.c.id == wanted).with_for_update())
    found = await _read(db, foreign_issuer.c.id == wanted)
    if not found:
        raise UnknownIssuer
    return found[0]


async def listed(db: AsyncConnection, *, after: UUID | None, limit: int) -> list[ForeignIssuer]:
    """List the entries, the first proposed first."""
    return await _read(db, foreign_issuer.c.id > (after or UUID(int=0)), limit=limit)


async def in_force(db: AsyncConnection, on: date) -> list[ForeignIssuer]:
    """List the entries that hold on a day."""
    c, ended = foreign_issuer.c, foreign_issuer_end.c.issuer.is_not(None)
    return await _read(db, c.agreed.is_(True) & (c.begins_on <= on) & (c.ends_on > on) & ~ended)


async def anchors(db: AsyncConnection, on: date) -> tuple[Anchor, ...]:
    """Give whom two officers let us believe on a day."""
    return tuple(anchor(each) for each in await in_force(db, on))


def anchor(entry: ForeignIssuer) -> Anchor:
    """Read an entry as a verifier goes by it."""
    return Anchor(
        id=entry.id,
        name=entry.name,
        country=entry.country,
        types=frozenset({*entry.vcts, *entry.doc_types}),
        certificates=tuple(map(_certificate, entry.certificates)),
        url=entry.url,
        legal_ground=entry.legal_ground,
        status=entry.status,
        lists_at=entry.lists_at,
        status_age_max_s=entry.status_age_max_s,
        crl_at=entry.crl_at,
    )


@lru_cache(_CERTIFICATES_CACHED)
def _certificate(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


_STORED = [column.name for column in foreign_issuer.c]
_ENDED = ("ended_by", "ended_at")


async def _read(db: AsyncConnection, where: ColumnElement[bool], *, limit: int | None = None) -> list[ForeignIssuer]:
    query = (
        select(
            foreign_issuer,
            *(foreign_issuer_end.c[name] for name in _ENDED),
            foreign_issuer_end.c.reason.label("ended_because"),
        )
        .outerjoin(foreign_issuer_end, foreign_issuer_end.c.issuer == foreign_issuer.c.id)
        .where(where)
        .order_by(foreign_issuer.c.id)
    )
    return [_entry(row) for row in await db.execute(query.limit(limit))]


def _entry(row: Row[tuple[object, ...]]) -> ForeignIssuer:
    return msgspec.convert(row, ForeignIssuer, from_attributes=True)


async def _tell(db: AsyncConnection, entry: UUID, fact: events.Event, actor: str, at: datetime) -> None:
    await journal.append(db, event, journal.Fact(aggregate=entry, at=at, actor=actor, event=fact))
