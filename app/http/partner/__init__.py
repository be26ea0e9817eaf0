"""What partner banks, brokers and card networks call."""

from app.http.partner import events, network, statements, subscriptions, webhooks

routes = [*events.routes, *network.routes, *statements.routes, *subscriptions.routes, *webhooks.routes]
