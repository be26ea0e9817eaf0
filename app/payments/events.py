"""What happened between residents beside the transfers themselves. Each side hears its own: ids, amounts, times."""

from datetime import date, datetime
from uuid import UUID

import msgspec


class MoneyRequested(msgspec.Struct, frozen=True, kw_only=True, tag="money_request.made"):
    """Somebody asks for money, until `expires_at`."""

    money_request: UUID
    amount_minor: int
    currency: str
    expires_at: datetime


class MoneyRequestPaid(msgspec.Struct, frozen=True, kw_only=True, tag="money_request.paid"):
    """A request was paid by this transfer."""

    money_request: UUID
    transfer: UUID


class MoneyRequestDeclined(msgspec.Struct, frozen=True, kw_only=True, tag="money_request.declined"):
    """Who was asked said no."""

    money_request: UUID


class MoneyRequestCancelled(msgspec.Struct, frozen=True, kw_only=True, tag="money_request.cancelled"):
    """Who asked took it back."""

    money_request: UUID


class AskerBlocked(msgspec.Struct, frozen=True, kw_only=True, tag="asker.blocked"):
    """Whoever made this request may not ask any more."""

    blocked: UUID
    money_request: UUID


class AskerUnblocked(msgspec.Struct, frozen=True, kw_only=True, tag="asker.unblocked"):
    """Whoever was blocked may ask again."""

    blocked: UUID


class MoneyRequestExpired(msgspec.Struct, frozen=True, kw_only=True, tag="money_request.expired"):
    """Nobody paid in time."""

    money_request: UUID


class StandingOrderChanged(msgspec.Struct, frozen=True, kw_only=True, tag="standing_order.changed"):
    """A standing order was set up, edited, paused, resumed, ended or cancelled: its state from here on."""

    standing_order: UUID
    version: int
    state: str
    next_on: date | None


class StandingPaymentMade(msgspec.Struct, frozen=True, kw_only=True, tag="standing_order.paid"):
    """A standing order paid for a period."""

    standing_order: UUID
    no: int
    transfer: UUID


class StandingPaymentDelayed(msgspec.Struct, frozen=True, kw_only=True, tag="standing_order.delayed"):
    """A standing order could not pay, for `reason`; it is tried again at `again_at`."""

    standing_order: UUID
    no: int
    reason: str
    again_at: datetime


class StandingPaymentFailed(msgspec.Struct, frozen=True, kw_only=True, tag="standing_order.failed"):
    """A standing order could not pay for a period, for `reason`, and does not try again for this one."""

    standing_order: UUID
    no: int
    reason: str


class StandingPaymentSkipped(msgspec.Struct, frozen=True, kw_only=True, tag="standing_order.skipped"):
    """The payer left a period out."""

    standing_order: UUID
    no: int


class PaymentListConfirmed(msgspec.Struct, frozen=True, kw_only=True, tag="payment_list.confirmed"):
    """A list of payments was confirmed and is being paid."""

    payment_list: UUID
    payments: int
    amount_minor: int


class PaymentListDone(msgspec.Struct, frozen=True, kw_only=True, tag="payment_list.done"):
    """Every payment of a list has its answer."""

    payment_list: UUID
    paid: int
    refused: int
