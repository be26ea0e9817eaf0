"""Endpoints of the OpenID4VC standards, which any wallet may call."""

from app.http.wallet_openid import credential, issuer, offers, offline, presenting, status_lists

routes = [*issuer.routes, *offers.routes, *credential.routes, *presenting.routes, *offline.routes, *status_lists.routes]
