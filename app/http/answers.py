"""Answers of the ledger as others read them."""

from typing import Any

from litestar import Request

from app import idempotency, problems
from app.idempotency_key import Stored
from wallet.transfer import Refused


def refused(request: Request[Any, Any, Any], refusal: Refused | Exception) -> Stored:
    """Encode a refused move as its problem, to be stored and sent."""
    if isinstance(refusal, Exception):
        return idempotency.refused(request, refusal)
    response = problems.problem(request, 422, refusal.reason)
    kept = {name: str(response.headers[name]) for name in ("Content-Language", "Vary")}
    return Stored(422, response.content, kept)


def code(refusal: Refused | Exception) -> str:
    """Name a refused move among others, where it has no answer of its own."""
    return problems.of(refusal).code if isinstance(refusal, Exception) else refusal.reason
