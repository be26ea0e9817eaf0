"""What the house itself refuses: the wire, idempotency, the batch, the sandbox."""

from app import batch, clock, idempotency_key, strict
from app.http import ids, paging, precondition, wire
from app.refusals.refusal import Refusal
from law import money

REFUSALS: dict[type[Exception], Refusal] = {
    # the house
    strict.Malformed: Refusal(400, "invalid_request"),
    strict.NotJson: Refusal(415, "unsupported_media_type"),
    strict.CutShort: Refusal(400, "invalid_request"),
    ids.UnknownId: Refusal(404, "not_found"),
    wire.NoSuchTime: Refusal(422, "no_such_time"),
    wire.NotTogether: Refusal(422, "not_together"),
    paging.BadCursor: Refusal(422, "bad_cursor"),
    precondition.Missing: Refusal(428, "precondition_required"),
    precondition.Failed: Refusal(412, "precondition_failed"),
    money.UnknownCurrency: Refusal(422, "unknown_currency"),
    idempotency_key.Missing: Refusal(400, "idempotency_key_missing"),
    idempotency_key.Malformed: Refusal(400, "idempotency_key_malformed"),
    idempotency_key.Reused: Refusal(422, "idempotency_key_reused"),
    idempotency_key.InProgress: Refusal(409, "idempotency_key_in_progress", retry_after_s=1),
    batch.Overloaded: Refusal(503, "overloaded", retry_after_s=1),
    batch.Unavailable: Refusal(503, "outcome_unknown", retry_after_s=2),
    # sandbox
    clock.BeyondCalendar: Refusal(422, "beyond_calendar"),
}
