"""A partner bank with a JSON interface: ask it for a deposit, ask it what became of one.

    POST {base_url}/placements          Idempotency-Key: placement_06AV…    asks; the same key is the same deposit
    GET  {base_url}/placements/{key}    404: it never heard of it

Both are signed like our webhooks (Standard Webhooks, `v1a`), a GET over an empty body. A bank that does not answer, or
not in a way we can read, is Unreachable: it may have the deposit or not, so it is asked again under the same key.
"""

import asyncio
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import httpx
import msgspec
from msgspec import Meta

from app import clock, strict
from app.house import House
from app.http import ids
from app.partners import webhook
from app.partners.registry import Partner
from invest.placement import Placement
from invest.product import Offer

ANSWER_BYTES_MAX = 64 * 1024
#: For a whole call: the client's own limit is per read, and a bank that drips would never reach it.
TIMEOUT_S = 10.0


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank is asked for. `depositor` is this bank's name for the client: no other partner knows it."""

    placement_id: str
    depositor: str
    product: str
    terms_version: int
    terms_sha256: str
    principal_minor: int
    interest_minor: int
    currency: str
    rate: str
    day_count: str
    starts_on: date
    matures_on: date
    days: int


class Deposit(msgspec.Struct, frozen=True, kw_only=True):
    """What a bank says it has under our key. Whoever acts on it compares it with what was agreed."""

    placement_id: Annotated[str, Meta(max_length=64)]
    status: Literal["pending", "confirmed", "rejected", "matured"]
    principal_minor: int
    interest_minor: int
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
    starts_on: date
    matures_on: date
    bank_reference: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_]+$(?!\n)")] | None = None


class Unheard(msgspec.Struct, frozen=True):
    """The bank has nothing under this key."""


class Unreachable(msgspec.Struct, frozen=True):
    """No answer that can be read: what the bank has is unknown."""

    trouble: str


Answer = Deposit | Unheard | Unreachable


def order(house: House, partner: Partner, placement: Placement, offer: Offer) -> Order:
    """Write down what `partner` is asked for."""
    depositor = house.keys.kms.blind(f"depositor/{partner.code}", str(placement.holder))
    return Order(
        placement_id=key(placement.id),
        depositor=depositor[:16].hex(),
        product=offer.code,
        terms_version=offer.terms_version,
        terms_sha256=offer.terms_sha256.hex(),
        principal_minor=placement.principal_minor,
        interest_minor=placement.interest_minor,
        currency=placement.currency.value,
        rate=str(offer.terms.rate),
        day_count=offer.terms.day_count.value,
        starts_on=placement.starts_on,
        matures_on=placement.matures_on,
        days=(placement.matures_on - placement.starts_on).days,
    )


def key(placement: UUID) -> str:
    """Name a placement towards banks: the idempotency key of every request about it."""
    return ids.show("placement", placement)


async def place(house: House, partner: Partner, asked: Order) -> Answer:
    """Ask for the deposit; asked twice under the same id it is one."""
    body = msgspec.json.encode(asked, order="deterministic")
    headers = {"Idempotency-Key": asked.placement_id, "Content-Type": "application/json"}
    return await _call(
        house, _url(partner, "/placements"), asked.placement_id, method="POST", body=body, headers=headers
    )


async def status(house: House, partner: Partner, placement: UUID) -> Answer:
    """Ask what became of the deposit."""
    name = key(placement)
    return await _call(house, _url(partner, f"/placements/{name}"), name, method="GET", body=b"", headers={})


def _url(partner: Partner, path: str) -> str | None:
    return None if partner.base_url is None else partner.base_url.rstrip("/") + path


async def _call(
    house: House, url: str | None, about: str, *, method: str, body: bytes, headers: dict[str, str]
) -> Answer:
    if url is None:
        return Unreachable("no address is registered")
    signed = headers | _signature(house, about, clock.real(), body)
    try:
        async with (
            asyncio.timeout(TIMEOUT_S),
            house.http.stream(method, url, content=body, headers=signed) as answer,
        ):
            return await _read(answer)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        return Unreachable(type(error).__name__)


def _signature(house: House, about: str, at: datetime, body: bytes) -> dict[str, str]:
    signature = house.keys.webhook.sign(webhook.signed_text(about, at, body))
    return webhook.headers(about, at, [webhook.ed25519(signature)])


async def _read(answer: httpx.Response) -> Answer:
    if answer.status_code == httpx.codes.NOT_FOUND:
        return Unheard()
    if not answer.is_success:
        return Unreachable(f"answered {answer.status_code}")
    raw = b""
    async for chunk in answer.aiter_bytes():
        raw += chunk
        if len(raw) > ANSWER_BYTES_MAX:
            return Unreachable("answered too much")
    try:
        deposit: Deposit = strict.decode(raw, Deposit)
    except strict.Malformed as error:
        return Unreachable(f"unreadable: {error}"[:200])
    return deposit
