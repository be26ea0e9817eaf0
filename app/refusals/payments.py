"""What finding, asking and paying are refused."""

from app.payments import blocking, emv, list_file, payee, payment_list, request, rule, split, standing_order
from app.refusals.refusal import Refusal
from wallet import address

REFUSALS: dict[type[Exception], Refusal] = {
    address.BadIban: Refusal(422, "bad_iban"),
    emv.BadCode: Refusal(422, "bad_payment_code"),
    payee.NotFound: Refusal(404, "payee_not_found"),
    payee.Unproved: Refusal(409, "contact_not_proved"),
    payee.BadReference: Refusal(422, "payee_reference_refused"),
    request.Unknown: Refusal(404, "not_found"),
    request.OtherSide: Refusal(409, "money_request_side"),
    request.NotOpen: Refusal(409, "money_request_state"),
    request.NotAskable: Refusal(422, "not_askable"),
    request.CannotBeAsked: Refusal(409, "cannot_be_asked"),
    blocking.NotBlocked: Refusal(404, "not_found"),
    request.TooMany: Refusal(409, "too_many_money_requests"),
    rule.BadRule: Refusal(422, "standing_order_rule"),
    standing_order.Unknown: Refusal(404, "not_found"),
    standing_order.WrongState: Refusal(409, "standing_order_state"),
    standing_order.TooMany: Refusal(409, "too_many_standing_orders"),
    list_file.Invalid: Refusal(422, "payment_list_invalid"),
    payment_list.Unknown: Refusal(404, "not_found"),
    payment_list.WrongState: Refusal(409, "payment_list_state"),
    payment_list.NotEnough: Refusal(422, "insufficient_funds"),
    payment_list.TooManyDrafts: Refusal(409, "too_many_payment_lists"),
    split.BadShares: Refusal(422, "bad_shares"),
}
