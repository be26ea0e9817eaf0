"""What partner banks, brokers and card networks call."""

from app.http.partner import (
    card_proofs,
    events,
    network,
    network_disputes,
    presentations,
    showings,
    statements,
    stripe,
    subscriptions,
    webhooks,
)

routes = [
    *card_proofs.routes,
    *events.routes,
    *network.routes,
    *network_disputes.routes,
    *presentations.routes,
    *showings.routes,
    *statements.routes,
    *stripe.routes,
    *subscriptions.routes,
    *webhooks.routes,
]
