"""What partner banks, brokers and card networks call."""

from app.http.partner import events, network, subscriptions, webhooks

routes = [*events.routes, *network.routes, *subscriptions.routes, *webhooks.routes]
