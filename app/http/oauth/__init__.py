"""The OAuth 2.1 authorisation server: its metadata and endpoints, in the words of its standards."""

from app.http.oauth import authorize, client_keys, metadata, pushed, token

routes = [*metadata.routes, *token.routes, *pushed.routes, *authorize.routes, *client_keys.routes]
