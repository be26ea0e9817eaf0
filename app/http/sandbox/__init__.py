"""What only a demo or test installation offers: its clock, its residents, its cards' merchants, its injected events."""

from app.http.sandbox import (
    card_things,
    cards,
    clock,
    credential_offers,
    events,
    partners,
    presentations,
    residents,
    stripe,
    wallet_providers,
    wallets,
)

_ROOMS = (
    card_things,
    cards,
    clock,
    credential_offers,
    events,
    partners,
    presentations,
    residents,
    stripe,
    wallet_providers,
    wallets,
)
routes = [route for room in _ROOMS for route in room.routes]
