"""Residents who are ready to use, for whoever tests from outside; not served in production."""

from typing import Annotated

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import edge, seed
from app.house import House
from app.http import ids
from app.http.wire import Wire
from law.money import KZT, Money

_COUNT_MAX = 200


class WantedResidents(Wire, frozen=True):
    """How many, from which number on, and what their wallets are funded with (once per resident)."""

    count: Annotated[int, Meta(ge=1, le=_COUNT_MAX, examples=[3])]
    start: Annotated[int, Meta(ge=1, le=10_000_000, examples=[1])] = 1
    balance_minor: Annotated[int, Meta(ge=1, le=10**12, examples=[100_000_000])] = seed.BALANCE.minor


class SeededResident(Wire, frozen=True):
    """An identified e-resident with a funded wallet; the token is a Bearer token bound to no device."""

    number: Annotated[int, Meta(examples=[1])]
    id: Annotated[str, Meta(examples=["resident_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    wallet: Annotated[str, Meta(examples=["wallet_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    access_token: Annotated[str, Meta(examples=["eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.e30.c2ln"])]
    expires_in: Annotated[int, Meta(description="Seconds.", examples=[3600])]


class SeededResidents(Wire, frozen=True):
    """The residents asked for, by number."""

    residents: list[SeededResident]


@post(
    "/v1/sandbox/residents",
    operation_id="seedResidents",
    opt={"scope": "service:operate"},
    tags=["Sandbox"],
    summary="Make residents",
    before_request=edge.may_take(150),  # two hundred of them, one after the other
)
async def seed_residents(data: JSONBody[WantedResidents], house: NamedDependency[House]) -> Response[SeededResidents]:
    """Make residents by number, or find them again with fresh tokens.

    Takes no Idempotency-Key: the number is the key, and tokens are never stored.
    """
    found = await seed.residents(house, data.count, start=data.start, balance=Money(data.balance_minor, KZT))
    shown = [
        SeededResident(
            number=one.number,
            id=ids.show("resident", one.subject),
            wallet=ids.show("wallet", one.wallet),
            access_token=one.access_token,
            expires_in=one.expires_in,
        )
        for one in found
    ]
    return Response(SeededResidents(residents=shown), status_code=201)


routes = [seed_residents]
