"""What partners caused, as facts in `app.event`. Ids, amounts and times only; fields are added at the end."""

from uuid import UUID

import msgspec


class PaymentCredited(msgspec.Struct, frozen=True, tag="payment.credited"):
    """Money a partner bank received for a resident is in the wallet."""

    transfer: UUID
    partner: UUID
    account: UUID
    amount_minor: int
    currency: str


class PaymentSuspended(msgspec.Struct, frozen=True, tag="payment.suspended"):
    """Money a partner bank received could not be matched, or not be credited; an officer decides."""

    transfer: UUID
    partner: UUID
    amount_minor: int
    currency: str
    reason: str
