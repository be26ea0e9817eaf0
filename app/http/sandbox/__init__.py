"""What only a demo or test installation offers: its clock, its residents, its injected events."""

from app.http.sandbox import clock, events, partners, residents

routes = [*clock.routes, *events.routes, *partners.routes, *residents.routes]
