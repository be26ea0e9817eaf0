"""Which refusal is answered how: a table per room, beside none of the rooms, because only the house speaks HTTP."""

from app.refusals import (
    allowances,
    banking,
    card_rules,
    cards,
    disputes,
    house,
    identity_cases,
    kyc_risk,
    money,
    papers,
    partners,
    payments,
    people,
    processors,
    programme,
    screening,
    showing,
    status,
)
from app.refusals.refusal import Refusal

REFUSALS: dict[type[Exception], Refusal] = {
    **house.REFUSALS,
    **people.REFUSALS,
    **status.REFUSALS,
    **identity_cases.REFUSALS,
    **screening.REFUSALS,
    **money.REFUSALS,
    **partners.REFUSALS,
    **payments.REFUSALS,
    **allowances.REFUSALS,
    **cards.REFUSALS,
    **disputes.REFUSALS,
    **banking.REFUSALS,
    **programme.REFUSALS,
    **processors.REFUSALS,
    **card_rules.REFUSALS,
    **kyc_risk.REFUSALS,
    **papers.REFUSALS,
    **showing.REFUSALS,
}
