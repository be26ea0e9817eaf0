"""What is refused where a resident shows something of the ID."""

from app.credentials import printing, showings
from app.http import qr
from app.refusals.refusal import Refusal
from residency.credential.showing import code, field

REFUSALS: dict[type[Exception], Refusal] = {
    code.NoSuchCode: Refusal(404, "shown_code_void"),
    code.UnknownShowing: Refusal(404, "not_found"),
    code.ShowingOver: Refusal(409, "showing_over"),
    showings.Stopped: Refusal(409, "credential_revoked"),
    printing.NotPrinted: Refusal(409, "not_printed"),
    field.FieldNotThere: Refusal(422, "field_not_there"),
    qr.TooLong: Refusal(422, "qr_code_too_long"),
}
