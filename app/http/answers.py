"""Answers of the ledger as others read them."""

from typing import Any

from litestar import Request

from app import problems
from app.idempotency_key import Stored
from law.money import Currency
from wallet.transfer import Refused


def refused(request: Request[Any, Any, Any], refusal: Refused) -> Stored:
    """Encode a refused move as its problem, to be stored and sent."""
    response = problems.problem(request, 422, refusal.reason)
    kept = {name: str(response.headers[name]) for name in ("Content-Language", "Vary")}
    return Stored(422, response.content, kept)


def currency(code: str) -> Currency:
    """Read a currency code; raises law.money.UnknownCurrency."""
    return Currency.of(code)
