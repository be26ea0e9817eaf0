"""What only a demo or test installation offers: its clock, its residents, its injected events."""

from app.http.sandbox import clock, partners, residents

routes = [*clock.routes, *partners.routes, *residents.routes]
