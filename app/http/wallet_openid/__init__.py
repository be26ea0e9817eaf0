"""Endpoints of the OAuth and OpenID4VC standards, which any wallet may call."""

from app.http.wallet_openid import credential, issuer, metadata, status_lists, token

routes = [*metadata.routes, *token.routes, *issuer.routes, *credential.routes, *status_lists.routes]
