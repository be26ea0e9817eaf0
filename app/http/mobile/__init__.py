"""What the resident's app calls."""

from app.http.mobile import applications, auth, card_payments, cards, credentials, feed, identity, invest, wallet

routes = [
    *applications.routes,
    *auth.routes,
    *card_payments.routes,
    *cards.routes,
    *credentials.routes,
    *feed.routes,
    *identity.routes,
    *invest.routes,
    *wallet.routes,
]
