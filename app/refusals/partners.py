"""What partners and reports are refused."""

from app.partners import destination, registry, subscription, webhook
from app.refusals.refusal import Refusal
from app.reports import asof

REFUSALS: dict[type[Exception], Refusal] = {
    # partner
    destination.Forbidden: Refusal(422, "address_forbidden"),
    registry.UnknownPartner: Refusal(403, "not_enrolled"),
    subscription.UnknownSubscription: Refusal(404, "not_found"),
    webhook.BadKey: Refusal(422, "bad_webhook_key"),
    # reports
    asof.AsOfNotSettled: Refusal(409, "as_of_not_settled", retry_after_s=1),
}
