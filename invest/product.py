"""The catalogue: products of partner banks, and their terms, of which every version is kept byte for byte.

A client agrees to the hash of a version. New terms are a new version; a product is withdrawn by a version that is not
offered.
"""

import enum
import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from invest import tables
from invest.interest import DayCount
from law.money import Currency, Money
from proof import canonical


class Jurisdiction(enum.StrEnum):
    """Under whose law the product stands: the Republic's, or that of the Astana International Financial Centre."""

    RK = "RK"
    AIFC = "AIFC"


class InsuranceClass(enum.StrEnum):
    """How the deposit insurance fund treats the money: savings deposits, other tenge deposits, or not at all."""

    SAVINGS = "savings"
    OTHER = "other"
    NONE = "none"


class EarlyExit(msgspec.Struct, frozen=True, kw_only=True):
    """Leaving before maturity: days of notice, and the yearly rate that then replaces the agreed one."""

    notice_days: int
    rate: Decimal


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one version promises. `rate` is nominal per year; amounts are minor units of the product's currency."""

    name: dict[Literal["en", "kk", "ru"], str]
    rate: Decimal
    day_count: DayCount
    term_days: int
    minimum_minor: int
    maximum_minor: int
    step_minor: int
    insurance: InsuranceClass
    early_exit: EarlyExit

    def text(self) -> str:
        """Write the version as the text that is hashed (RFC 8785)."""
        return canonical.dumps(msgspec.to_builtins(self)).decode()


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A product with one version of its terms."""

    product: UUID
    code: str
    partner: UUID
    jurisdiction: Jurisdiction
    currency: Currency
    terms_id: UUID
    terms_version: int
    terms_sha256: bytes
    terms: Terms

    def money(self, minor: int) -> Money:
        """Count `minor` units in the product's currency."""
        return Money(minor, self.currency)


class UnknownProduct(Exception):
    """There is no such product, or it is not offered now."""

    def __init__(self, product: UUID) -> None:
        super().__init__(product)
        self.product = product


class BadTerms(Exception):
    """The terms contradict themselves: `why` says where."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


async def offered(db: AsyncConnection, at: datetime) -> list[Offer]:
    """List what can be placed at the instant `at`, by code."""
    rows = await db.execute(_LATEST.where(tables.terms.c.valid_from <= at).order_by(*_ORDER))
    return sorted((_offer(row) for row in rows.mappings() if row["offered"]), key=lambda offer: offer.code)


async def offer_of(db: AsyncConnection, product: UUID, at: datetime) -> Offer:
    """Find the terms `product` is offered on at the instant `at`; raises UnknownProduct."""
    rows = await db.execute(
        _LATEST.where(tables.terms.c.valid_from <= at, tables.product.c.id == product).order_by(*_ORDER)
    )
    row = rows.mappings().one_or_none()
    if row is None or not row["offered"]:
        raise UnknownProduct(product)
    return _offer(row)


class Latest(NamedTuple):
    """The newest version of a product's terms, and whether it is offered."""

    offer: Offer
    offered: bool


async def latest(db: AsyncConnection, code: str) -> Latest | None:
    """Find the newest version of the product `code`; None if there is no such product."""
    row = (await db.execute(_LATEST.where(tables.product.c.code == code).order_by(*_ORDER))).mappings().one_or_none()
    return None if row is None else Latest(_offer(row), row["offered"])


async def by_terms(db: AsyncConnection, terms: Sequence[UUID]) -> dict[UUID, Offer]:
    """Load the versions `terms`, offered or not: what placements were made on."""
    rows = await db.execute(_OFFERS.where(tables.terms.c.id.in_(terms)))
    return {row["terms_id"]: _offer(row) for row in rows.mappings()}


async def publish(db: AsyncConnection, offer: Offer, *, valid_from: datetime, withdrawn: bool = False) -> None:
    """Add a version of terms, and the product with its first one; raises BadTerms."""
    check(offer.terms)
    if offer.terms_version == 1:
        product = {"id": offer.product, "kind": "term_deposit"}
        product |= {name: getattr(offer, name) for name in ("code", "partner", "jurisdiction", "currency")}
        await db.execute(tables.product.insert().values(product))
    await db.execute(
        tables.terms.insert().values(
            id=offer.terms_id,
            product=offer.product,
            version=offer.terms_version,
            body=offer.terms.text(),
            sha256=offer.terms_sha256,
            offered=not withdrawn,
            valid_from=valid_from,
        )
    )


def check(terms: Terms) -> None:
    """Refuse (BadTerms) what no client could place on, or what would pay less than nothing."""
    if set(terms.name) != {"en", "kk", "ru"}:
        raise BadTerms("the name is not in three languages")
    if not (terms.rate.is_finite() and 0 <= terms.rate < 1 and 0 <= terms.early_exit.rate <= terms.rate):
        raise BadTerms("a yearly rate lies in [0, 1), that of an early exit is not above it")
    if not (0 < terms.minimum_minor <= terms.maximum_minor and terms.step_minor > 0):
        raise BadTerms("no amount lies between the minimum and the maximum")
    if terms.term_days < 1 or terms.early_exit.notice_days < 0:
        raise BadTerms("a term runs forward")


def sha256(terms: Terms) -> bytes:
    """Hash the text of `terms`: what a client agrees to."""
    return hashlib.sha256(terms.text().encode()).digest()


_OFFERS = select(
    tables.product.c.id.label("product"),
    tables.product.c.code,
    tables.product.c.partner,
    tables.product.c.jurisdiction,
    tables.product.c.currency,
    tables.terms.c.id.label("terms_id"),
    tables.terms.c.version,
    tables.terms.c.sha256,
    tables.terms.c.body,
    tables.terms.c.offered,
).join_from(tables.terms, tables.product)
_LATEST = _OFFERS.ext(distinct_on(tables.terms.c.product))
_ORDER = (tables.terms.c.product, tables.terms.c.version.desc())


def _offer(row: RowMapping) -> Offer:
    return Offer(
        product=row["product"],
        code=row["code"],
        partner=row["partner"],
        jurisdiction=Jurisdiction(row["jurisdiction"]),
        currency=Currency.of(row["currency"]),
        terms_id=row["terms_id"],
        terms_version=row["version"],
        terms_sha256=row["sha256"],
        terms=msgspec.json.decode(row["body"], type=Terms),
    )
