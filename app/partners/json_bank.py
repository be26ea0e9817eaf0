"""A partner bank with a JSON interface: ask it for something, ask it what became of it.

    POST {base_url}/placements          Idempotency-Key: placement_06AV…    asks; the same key is the same deposit
    GET  {base_url}/placements/{key}    404: it never heard of it
    POST {base_url}/orders              Idempotency-Key: payout_06AV…       a pay-out, an exchange, an account …
    GET  {base_url}/orders/{key}
    POST {base_url}/quotes              Idempotency-Key: fx_quote_06AV…     a price that stands for a minute

All are signed, and the bank signs its answers to them (RFC 9421, app/auth/message_signature.py). A bank that does not
answer, or not in a way we can read and believe, is Unreachable: it may have the deposit or not, so it is asked again
under the same key.
"""

from datetime import date
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from app import clock, db, strict
from app.auth import client_key, message_signature
from app.auth.message_signature import BadSignature, Request
from app.house import House
from app.http import ids
from app.partners import destination, line
from app.partners.registry import Partner
from invest.placement import Placement
from invest.product import Offer

ANSWER_BYTES_MAX = 64 * 1024
TIMEOUT_S = 10.0
_KINDS = frozenset({"application/json"})
_NOT_FOUND = 404


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
Told = TypeVar("Told", bound=msgspec.Struct)


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
    return await ask(house, partner, "/placements", Deposit, named=asked.placement_id, body=body)


async def status(house: House, partner: Partner, placement: UUID) -> Answer:
    """Ask what became of the deposit."""
    return await look(house, partner, f"/placements/{key(placement)}", Deposit)


async def ask(
    house: House, partner: Partner, path: str, kind: type[Told], *, named: str, body: bytes
) -> Told | Unheard | Unreachable:
    """Ask for something, which `named` names for ever; the answer is read as `kind`."""
    headers = {"Idempotency-Key": named, "Content-Type": "application/json"}
    return await _call(house, partner, "POST", path, kind, body=body, headers=headers)


async def look(house: House, partner: Partner, path: str, kind: type[Told]) -> Told | Unheard | Unreachable:
    """Ask what became of something."""
    return await _call(house, partner, "GET", path, kind, body=b"", headers={})


async def _call(
    house: House, partner: Partner, method: str, path: str, kind: type[Told], *, body: bytes, headers: dict[str, str]
) -> Told | Unheard | Unreachable:
    if partner.base_url is None:
        return Unreachable("no address is registered")
    url, now = partner.base_url.rstrip("/") + path, clock.real()
    sent = message_signature.sign_request(
        house.keys.message.current(), method, url, headers={**headers, "Accept": "application/json"}, body=body, now=now
    )
    try:
        destination.check(url, local=house.settings.virtual)
        answer = await line.ask(
            house.http,
            method,
            url,
            within_s=TIMEOUT_S,
            bytes_max=ANSWER_BYTES_MAX,
            kinds=_KINDS,
            body=body,
            headers=sent,
        )
        fields = [(name.lower(), value) for name, value in sent.items()]
        return await _heard(house, partner, Request(method, url, fields), answer, kind)
    except destination.Forbidden as error:
        return Unreachable(f"forbidden: {error.reason}")
    except line.Unanswered as error:
        return Unreachable(error.trouble)


async def _heard(
    house: House, partner: Partner, asked: Request, answer: line.Answer, kind: type[Told]
) -> Told | Unheard | Unreachable:
    """Believe what the bank signed, for this very request, and nothing else."""
    if not answer.is_success and answer.status != _NOT_FOUND:
        return Unreachable(f"answered {answer.status}")
    fields = [(name.lower(), value) for name, value in answer.headers.multi_items()]
    body = answer.body if answer.is_success else None
    now = clock.real()
    async with db.transaction(house.worker) as story:
        held = await client_key.valid(await story(), partner.id, now)
    try:
        signed = message_signature.read_answer(message_signature.Answer(answer.status, fields, asked), body, now)
        signed.believe({each.kid: each.key for each in held})
    except BadSignature as error:
        return Unreachable(f"unproved: {error.reason}")
    return Unheard() if body is None else _read(body, kind)


def _read(body: bytes, kind: type[Told]) -> Told | Unreachable:
    try:
        told: Told = strict.decode(body, kind)
    except strict.Malformed as error:
        return Unreachable(f"unreadable: {error}"[:200])
    return told
