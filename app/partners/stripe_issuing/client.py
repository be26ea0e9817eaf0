"""The SDK, on our own line to the outside, with what can go wrong as answers.

The SDK is imported here, at the start and only where the programme is on: 0.3 s and 30 MB. It speaks through
the house's HTTP client, so that addresses are checked, no redirect is followed and nothing is asked for too long. It
retries nothing: what was not answered is a row, or the caller's, and comes again under the same key.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any, TypeVar

import httpx

from cards.processing.processor import Refused, Unknown, Why

#: An object Stripe answered, whatever it is.
Answer = TypeVar("Answer")

#: The API version every request names and every endpoint is created with; the SDK's own (tests compare the two).
VERSION = "2026-10-28.endive"
TIMEOUT_S = 20.0


@functools.cache
def sdk() -> ModuleType:
    """Import the SDK, and have it say no more of us than a request needs."""
    import stripe  # noqa: PLC0415  only where the programme is on

    stripe.enable_telemetry = False
    logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it writes bodies, with people in them
    return stripe


class Client:
    """Stripe's API under our account. `key` is read for every request, so that it changes without a restart."""

    def __init__(self, key: Callable[[], str], http: httpx.AsyncClient, *, address: str | None = None) -> None:
        self._key = key
        self._http = http
        self._address = address

    @functools.cached_property
    def api(self) -> Any:  # noqa: ANN401  the SDK's StripeClient, whose types come with the SDK
        """Give the SDK's client."""
        module = sdk()
        line = _line(module, self._http)
        addresses = {"api": self._address, "files": self._address} if self._address else {}
        return module.StripeClient(
            self._key(), stripe_version=VERSION, http_client=line, base_addresses=addresses, max_network_retries=0
        )

    def options(self, key: str | None = None) -> Any:  # noqa: ANN401  the SDK's RequestOptions
        """Give the options of one request: our API key as it is now and, of what has an effect, its name."""
        return {"api_key": self._key(), **({"idempotency_key": key} if key else {})}


def _line(module: ModuleType, http: httpx.AsyncClient) -> Any:  # noqa: ANN401  the SDK's HTTPXClient
    """Have the SDK's own client speak through ours, which knows which addresses may be connected to."""

    class Line(module.HTTPXClient):  # type: ignore[misc, name-defined]  # known where it is asked for
        def _get_request_args_kwargs(
            self,
            method: str,
            url: str,
            headers: dict[str, str],
            post_data: str | bytes | None,
        ) -> list[object]:
            return [(method, url), {"headers": headers, "content": post_data, "timeout": TIMEOUT_S}]

    line = Line()
    line._client_async = http  # noqa: SLF001  it builds one of its own and takes no other
    return line


async def told(asked: Awaitable[Answer]) -> Answer | Refused | Unknown:
    """Await what Stripe answers, in our words: refused is known not to be done, everything else is not known."""
    errors = sdk()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asked
    except errors.IdempotencyError as error:
        return Refused(Why.KEY_REUSED, _word(error))
    except errors.InvalidRequestError as error:
        why = Why.UNKNOWN_REFERENCE if error.code == "resource_missing" else Why.NOT_ACCEPTED
        return Unknown(_word(error)) if error.code in _PASSES else Refused(why, _word(error))
    except errors.CardError as error:
        return Refused(Why.NOT_ACCEPTED, _word(error))
    except errors.StripeError as error:  # no connection, 5xx, 429, and keys of ours that are not (yet) believed
        return Unknown(_word(error))
    except TimeoutError:
        return Unknown("no answer in time")


#: Refused for now: another request is at work under this key, or on this object.
_PASSES = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})


def _word(error: Any) -> str:  # noqa: ANN401  any error of the SDK
    """Say what went wrong by code and place, never in Stripe's prose, which repeats what was sent."""
    parts = (type(error).__name__, str(error.http_status or ""), error.code or "", getattr(error, "param", None) or "")
    return " ".join(part for part in parts if part)[:120]
