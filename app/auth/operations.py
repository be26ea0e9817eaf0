"""What a fresh passkey confirms, and the lines that each of it shows (docs/adr/0010-where-a-fresh-passkey-is-asked.md).

shows and checks   app/auth/stepup.py     begin(), redeem(), proven()
"""

import msgspec


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What is confirmed: the version of the text the app shows it in, and the lines it shows, all of them, always.

    `in_recovery` says whether it may be done in the first day after an account was recovered.
    """

    text_version: str
    shows: frozenset[str]
    in_recovery: bool = False


_TEXT = "2026-11"

#: Every operation that is confirmed. A new text is a new version.
OPERATIONS = {
    "wallet.authorize": Operation(
        text_version=_TEXT, shows=frozenset({"wallet", "wallet_id", "returns_to", "credentials", "request"})
    ),
    "device.add": Operation(text_version=_TEXT, shows=frozenset({"account"})),
    "device.remove": Operation(text_version=_TEXT, shows=frozenset({"device_id"})),
    "device.lost": Operation(text_version=_TEXT, shows=frozenset({"device_id"}), in_recovery=True),
    "device.lost_keeping": Operation(text_version=_TEXT, shows=frozenset({"device_id", "keeps"}), in_recovery=True),
    "credential.offer": Operation(text_version=_TEXT, shows=frozenset({"configuration"})),
    "credential.print": Operation(text_version=_TEXT, shows=frozenset({"document", "fields"})),
    "contact.add": Operation(text_version=_TEXT, shows=frozenset({"contact_id", "kind"})),
    "contact.remove": Operation(text_version=_TEXT, shows=frozenset({"contact_id", "kind"})),
    "transfer.send": Operation(
        text_version=_TEXT, shows=frozenset({"payee", "amount_minor", "currency", "idempotency_key"})
    ),
    "transfer.send_named": Operation(
        text_version=_TEXT,
        shows=frozenset({"payee", "name", "address", "amount_minor", "currency", "idempotency_key"}),
    ),
    "money_request.pay": Operation(
        text_version=_TEXT, shows=frozenset({"request", "payee", "name", "amount_minor", "currency"})
    ),
    "standing_order.set_up": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"payee", "name", "address", "amount_minor", "currency", "frequency", "every", "first_on", "days_off"}
            | {"until_on", "payments_max"}
        ),
    ),
    "standing_order.edit": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"standing_order", "payee", "amount_minor", "currency", "frequency", "every", "first_on", "days_off"}
            | {"until_on", "payments_max"}
        ),
    ),
    "payment_list.confirm": Operation(
        text_version=_TEXT, shows=frozenset({"payment_list", "payments", "amount_minor", "currency", "list_sha256"})
    ),
    "transfer.send_many": Operation(
        text_version=_TEXT,
        shows=frozenset({"transfers", "amount_minor", "currency", "transfers_sha256", "idempotency_key"}),
    ),
    "limit.raise": Operation(text_version=_TEXT, shows=frozenset({"limit", "currency", "from_minor", "to_minor"})),
    "payout.send": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"payee", "iban", "beneficiary_id", "amount_minor", "currency", "fee_minor", "idempotency_key"}
        ),
    ),
    "bank_transfer.send": Operation(
        text_version=_TEXT,
        shows=frozenset({"bank_account_id", "direction", "amount_minor", "currency", "idempotency_key"}),
    ),
    "exchange.confirm": Operation(
        text_version=_TEXT,
        shows=frozenset({"quote_id", "sells_minor", "sells_currency", "buys_minor", "buys_currency", "rate"}),
    ),
    "card.reveal": Operation(text_version=_TEXT, shows=frozenset({"card", "card_id", "device_key"})),
    "card_wallet.load": Operation(text_version=_TEXT, shows=frozenset({"card", "card_id", "device_key", "wallet"})),
    "card.pin": Operation(text_version=_TEXT, shows=frozenset({"card", "card_id", "letter_sha256"})),
    "card.pin_unblock": Operation(text_version=_TEXT, shows=frozenset({"card", "card_id"})),
    "card.pay": Operation(
        text_version=_TEXT, shows=frozenset({"merchant", "amount_minor", "currency", "card", "challenge_id"})
    ),
    "card_token.activate": Operation(text_version=_TEXT, shows=frozenset({"wallet", "token", "token_id"})),
    "card.limits": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"card", "card_id", "version", "currency", "per_payment_max_minor", "per_day_max_minor"}
            | {"per_week_max_minor", "per_month_max_minor", "per_year_max_minor"}
        ),
    ),
    "card.controls": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"card", "card_id", "version", "categories", "countries", "merchants", "channels", "operations"}
            | {"currencies", "trips"}
        ),
    ),
    "card.allow": Operation(
        text_version=_TEXT,
        shows=frozenset({"card", "card_id", "merchant", "country", "amount_minor", "currency", "until"}),
    ),
    "card.activate": Operation(text_version=_TEXT, shows=frozenset({"card", "card_id"})),
    "card.address": Operation(text_version=_TEXT, shows=frozenset({"card", "card_id", "address"})),
    "card.child": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"card", "card_id", "currency", "per_payment_max_minor", "per_day_max_minor", "per_month_max_minor"}
        ),
    ),
    "account.export": Operation(text_version=_TEXT, shows=frozenset({"account"})),
    "account.close": Operation(text_version=_TEXT, shows=frozenset({"account", "closes_on", "erases_on"})),
    "invest.consent": Operation(
        text_version=_TEXT, shows=frozenset({"consent_version", "text_sha256"}), in_recovery=True
    ),
    "invest.confirm": Operation(
        text_version=_TEXT,
        shows=frozenset(
            {"payee", "amount_minor", "currency", "interest_minor", "starts_on", "matures_on", "terms_sha256"}
            | {"preview_id"}
        ),
    ),
}
