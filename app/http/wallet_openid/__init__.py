"""Endpoints of the OpenID4VC standards, which any wallet may call."""

from app.http.wallet_openid import credential, issuer, offers, offline, presenting, roots, status_lists

routes = [
    *issuer.routes,
    *roots.routes,
    *offers.routes,
    *credential.routes,
    *presenting.routes,
    *offline.routes,
    *status_lists.routes,
]
