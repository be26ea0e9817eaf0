"""Which refusal is answered how: a table per room, beside none of the rooms, because only the house speaks HTTP."""

from app.refusals import allowances, banking, house, money, partners, payments, people, status
from app.refusals.refusal import Refusal

REFUSALS: dict[type[Exception], Refusal] = {
    **house.REFUSALS,
    **people.REFUSALS,
    **status.REFUSALS,
    **money.REFUSALS,
    **partners.REFUSALS,
    **payments.REFUSALS,
    **allowances.REFUSALS,
    **banking.REFUSALS,
}
