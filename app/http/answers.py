"""Answers of the ledger as others read them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response

from app import idempotency, problems
from app.batch import Reply
from app.idempotency_key import Stored
from wallet.transfer import Refused

Done = TypeVar("Done")


def one(
    request: Request[Any, Any, Any],
    kind: type[Done],
    show: Callable[[Done], Any],
    *,
    status: int = 200,
    place: str | None = None,
) -> Callable[[Sequence[Any]], Stored]:
    """Give what renders the one answer of an entry: shown where it is of this `kind`, else as the refusal it is.

    What was created is found at `place`, by its id.
    """

    def render(given: Sequence[Any]) -> Stored:
        if not isinstance(given[0], kind):
            return refused(request, given[0])
        view = show(given[0])
        return Stored(status, msgspec.json.encode(view), {"Location": f"{place}/{view.id}"} if place else {})

    return render


def sent(reply: Reply) -> Response[Any]:
    """Send what a batch answered."""
    return idempotency.respond(reply.stored, replayed=reply.replayed)


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
