"""Positions: the deposits that exist, what they have earned so far and what they will pay. Derived, never stored."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from invest import interest, life, placement, product
from invest.insurance import Held
from invest.placement import Placement
from invest.product import InsuranceClass, Offer
from law.money import Currency, Money, total


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One deposit. `accrued` is the interest earned before the day asked about; it is paid at maturity, not before."""

    placement: Placement
    offer: Offer
    accrued: Money


async def positions(db: AsyncConnection, holder: UUID, on: date) -> list[Position]:
    """List the deposits of `holder` as of the start of the day `on`, oldest first."""
    placements = await placement.held_by(db, holder, life.POSITION)
    offers = await product.by_terms(db, [held.terms for held in placements])
    return [_position(held, offers[held.terms], on) for held in placements]


async def committed(
    db: AsyncConnection, holder: UUID, partner: UUID, currency: Currency
) -> dict[InsuranceClass, Money]:
    """Sum what `holder` has at `partner` or on the way there, by insurance class."""
    placements = [held for held in await placement.held_by(db, holder, life.COMMITTED) if held.partner == partner]
    offers = await product.by_terms(db, [held.terms for held in placements])
    return {
        insurance: total(
            (held.principal for held in placements if offers[held.terms].terms.insurance is insurance), currency
        )
        for insurance in InsuranceClass
    }


def held(committed: dict[InsuranceClass, Money], insurance: InsuranceClass) -> Held:
    """See what is committed at a bank as the insurance of one more deposit of class `insurance` does."""
    insured: Iterable[Money] = (committed[kind] for kind in InsuranceClass if kind is not InsuranceClass.NONE)
    return Held(of_class=committed[insurance], insured=total(insured, committed[insurance].currency))


def _position(found: Placement, offer: Offer, on: date) -> Position:
    terms = offer.terms
    until = min(on, found.matures_on)
    accrued = interest.accrued(found.principal, terms.rate, found.starts_on, until, terms.day_count)
    return Position(placement=found, offer=offer, accrued=accrued)
