"""What only a demo or test installation offers: its clock, its residents, its cards' merchants, its injected events."""

from app.http.sandbox import cards, clock, events, partners, residents, stripe

routes = [*cards.routes, *clock.routes, *events.routes, *partners.routes, *residents.routes, *stripe.routes]
