"""Partners of a demo or test installation: enrolled by code, with the key they sign with and, for a bank, a catalogue.

The same code is the same partner in every installation, and asking twice changes nothing.
"""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncConnection

from app.auth.mint import NotHere
from app.db import Story
from app.house import House
from app.partners import enrolment
from app.partners.enrolment import Wanted
from app.partners.registry import Kind, Partner
from invest import product
from invest.interest import DayCount
from invest.product import EarlyExit, InsuranceClass, Jurisdiction, Offer, Terms
from law.money import KZT

#: The namespace of seeded partners.
PARTNERS = UUID("0192f7d0-6a4b-7c3e-a000-65726573706e")
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)

_SAVINGS = Terms(
    name={"en": "Savings deposit, 12 months", "ru": "Сберегательный вклад, 12 месяцев", "kk": "Жинақ салымы, 12 ай"},
    rate=Decimal("0.1450"),
    day_count=DayCount.ACT_365F,
    term_days=365,
    minimum_minor=1_000_00,
    maximum_minor=50_000_000_00,
    step_minor=100_00,
    insurance=InsuranceClass.SAVINGS,
    early_exit=EarlyExit(notice_days=30, rate=Decimal("0.0010")),
)
_SHORT = Terms(
    name={"en": "Term deposit, 3 months", "ru": "Срочный вклад, 3 месяца", "kk": "Мерзімді салым, 3 ай"},
    rate=Decimal("0.1225"),
    day_count=DayCount.ACT_365F,
    term_days=91,
    minimum_minor=1_000_00,
    maximum_minor=10_000_000_00,
    step_minor=1_00,
    insurance=InsuranceClass.OTHER,
    early_exit=EarlyExit(notice_days=0, rate=Decimal("0.0100")),
)
_AIFC = Terms(
    name={
        "en": "AIFC bank deposit, 6 months",
        "ru": "Вклад в банке МФЦА, 6 месяцев",
        "kk": "АХҚО банкіндегі салым, 6 ай",
    },
    rate=Decimal("0.1580"),
    day_count=DayCount.ACT_365F,
    term_days=182,
    minimum_minor=500_000_00,
    maximum_minor=100_000_000_00,
    step_minor=1_000_00,
    insurance=InsuranceClass.NONE,
    early_exit=EarlyExit(notice_days=30, rate=Decimal(0)),
)
#: Name, jurisdiction and terms of what a seeded bank offers: one product for each class of deposit insurance.
_CATALOGUE = (
    ("12m-savings", Jurisdiction.RK, _SAVINGS),
    ("3m-term", Jurisdiction.RK, _SHORT),
    ("6m-aifc", Jurisdiction.AIFC, _AIFC),
)


async def enrol(house: House, story: Story, wanted: Wanted) -> Partner:
    """Bring about that the partner is as `wanted`; raises NotHere and what enrolment.enrol raises."""
    if not house.settings.virtual:
        raise NotHere
    known = uuid5(PARTNERS, wanted.code)
    partner = await enrolment.enrol(house, story, wanted, partner=known, believed_from=_SINCE)
    if partner.kind is Kind.BANK:
        await _publish(await story(), partner)
    return partner


async def _publish(db: AsyncConnection, bank: Partner) -> None:
    known = {offer.code for offer in await product.offered(db, _SINCE)}
    for name, jurisdiction, terms in _CATALOGUE:
        code = f"{bank.code}-{name}"
        if code in known:
            continue
        offer = Offer(
            product=uuid5(bank.id, name),
            code=code,
            partner=bank.id,
            jurisdiction=jurisdiction,
            currency=KZT,
            terms_id=uuid5(bank.id, f"{name}/1"),
            terms_version=1,
            terms_sha256=product.sha256(terms),
            terms=terms,
        )
        await product.publish(db, offer, valid_from=_SINCE)
