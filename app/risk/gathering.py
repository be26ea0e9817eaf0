"""What is known of a relation, gathered from every room as the values kyc judges by.

gathers    app/risk/gathering.py     gather()       <- you are here
judges     app/risk/judging.py       judge()

The person's nationality is under their own key; the look is the worker's, the same for everybody, and in their log.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, vault
from app.risk import amounts
from app.vault import Vault
from kyc import holder
from kyc.document import Person
from kyc.risk import arrival, declaration, exposure, override
from kyc.risk.declaration import Declaration
from kyc.risk.exposure import Kind, Known
from kyc.risk.facts import Facts, Looked, Product
from kyc.risk.override import Override, What
from law import calendar
from law.money import KZT, Money
from proof.kms import Kms

_MONTH_DAYS = 30


class Gathered(msgspec.Struct, frozen=True):
    """The facts, what of the outside they come from, and the key that they are sealed with."""

    facts: Facts
    known: dict[Kind, Known]
    overrides: list[Override]
    safe: Vault


async def gather(db: AsyncConnection, kms: Kms, resident: UUID, at: datetime) -> Gathered | None:
    """Gather what is known of a resident; None where no document was shown yet. Raises app.vault.Erased."""
    document = (await db.execute(_DOCUMENT, {"resident": resident})).one_or_none()
    if document is None:
        return None
    today = calendar.statutory_date(at)
    safe = await vault.look(db, kms, resident, access.SCREENING)
    person = _person(safe, document)
    said = next(iter(await declaration.of(db, resident, holder.known(resident, safe), limit=1)), None)
    known = await exposure.known(db, resident)
    overrides = await override.in_force(db, resident, today)
    lists = {row.state: row.alerts for row in await db.execute(_ALERTS, {"resident": resident})}
    held = (await db.execute(_HELD, {"resident": resident, "since": today - timedelta(days=_MONTH_DAYS)})).one()
    facts = Facts(
        **arrival.shown(person.nationality, document.issuer, document.nationality_class, document.grade, today),
        list_open=lists.get("open", 0),
        list_cleared=lists.get("cleared", 0),
        list_confirmed=lists.get("confirmed", 0),
        relation_days=(at - document.since).days,
        **_declared(said, held, today),
        **_outside(known, overrides),
    )
    return Gathered(facts, known, overrides, safe)


async def whom(db: AsyncConnection, kms: Kms, resident: UUID, document: Row[Any]) -> Person:
    """Open what the latest document says of its holder; raises app.vault.Erased."""
    return _person(await vault.look(db, kms, resident, access.SCREENING), document)


def _person(safe: Vault, document: Row[Any]) -> Person:
    opened = safe.open(document.person, table="kyc.document", column="person", row=document.id)
    return msgspec.json.decode(opened, type=Person)


async def latest_document(db: AsyncConnection, resident: UUID) -> Row[Any] | None:
    """Read the latest document of a resident, and since when any was shown."""
    return (await db.execute(_DOCUMENT, {"resident": resident})).one_or_none()


def _declared(known: Declaration | None, held: Row[Any], today: date) -> dict[str, Any]:
    actual = {Product.WALLET: held.wallet, Product.CARD: held.card, Product.INVEST: held.invest}
    told = declaration.tells(known, today, {product for product, has in actual.items() if has})
    if known is None:
        return told
    percent = min(amounts.percent(Money(held.turnover, KZT), known.said.expected_turnover), 1_000_000)
    return {**told, "turnover_percent": percent}


def _outside(known: dict[Kind, Known], overrides: list[Override]) -> dict[str, Any]:
    counts = {kind: each.counts(override.excepted(overrides, What(kind))) for kind, each in known.items()}
    looked = {
        kind: Looked.UNKNOWN if kind not in counts else Looked.HIT if counts[kind] else Looked.CLEAR for kind in Kind
    }
    peps = counts.get(Kind.PEP, ())
    return {
        "pep": looked[Kind.PEP],
        "pep_hits": len(peps),
        "pep_classes": tuple(sorted({each.class_ for each in peps})),
        "media": looked[Kind.MEDIA],
        "media_hits": len(counts.get(Kind.MEDIA, ())),
    }


_DOCUMENT = text(
    """
    SELECT id, issuer, nationality_class, grade, person, expires, at, first_value(at) OVER (ORDER BY id) AS since
    FROM kyc.document WHERE resident = :resident ORDER BY id DESC LIMIT 1
    """
)
_ALERTS = text("SELECT state, count(*) AS alerts FROM kyc.alert WHERE resident = :resident GROUP BY state")
_HELD = text(
    """
    SELECT EXISTS (SELECT FROM wallet.holder WHERE holder = :resident) AS wallet,
           EXISTS (SELECT FROM cards.card WHERE holder = :resident) AS card,
           EXISTS (SELECT FROM invest.consent WHERE holder = :resident) AS invest,
           (SELECT coalesce(sum(minor), 0)::bigint FROM app.allowance_use
            WHERE holder = :resident AND day > :since) AS turnover
    """
)
