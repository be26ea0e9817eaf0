"""What happens to corrections, as facts of the journal of the schema `app`; the person's feed shows what was done."""

from uuid import UUID

import msgspec


class AdjustmentProposed(msgspec.Struct, frozen=True, kw_only=True, tag="adjustment.proposed"):
    """An officer proposes a correction; nobody but officers knows of it. Aggregate: the correction, as of all below."""

    kind: str
    reason: str
    amount_minor: int


class AdjustmentDropped(msgspec.Struct, frozen=True, kw_only=True, tag="adjustment.dropped"):
    """Another officer disagrees: nothing moves."""


class AdjustmentExecuted(msgspec.Struct, frozen=True, kw_only=True, tag="adjustment.executed"):
    """Two officers corrected a wallet by this transfer."""

    adjustment: UUID
    transfer: UUID
    kind: str
    reason: str
    amount_minor: int
    currency: str
