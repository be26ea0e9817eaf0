"""Endpoints of the OpenID4VC standards, which any wallet may call."""

from app.http.wallet_openid import credential, issuer, status_lists

routes = [*issuer.routes, *credential.routes, *status_lists.routes]
