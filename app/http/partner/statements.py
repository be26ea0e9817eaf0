"""Where a bank hands in its statement of a day: proved before it is read, kept once, compared by the worker.

route      app/http/partner/statements.py    POST /v1/banks/{bank}/statements    <- you are here
reads      app/banking/camt053.py, bank_statement.py
compares   app/banking/safeguarding.py       step()
"""

from datetime import date
from typing import Annotated, Any

from litestar import Request, Response, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import clock, db
from app.banking import bank_statement
from app.banking import camt053 as camt053_
from app.banking.bank_statement import Entry, Statement
from app.house import House
from app.http import signed
from app.http.wire import NotTogether, Wire
from app.partners import caller, registry
from app.partners.registry import Kind

_Minor = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[0])]


_Camt053 = Annotated[str, Meta(max_length=camt053_.BYTES_MAX, description="ISO 20022, versions 2 to 8, UTF-8.")]


class EntryIn(Wire, frozen=True):
    """Money that came (positive) or went; `reference` is our key of it, or the bank's name of a payment."""

    amount_minor: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[150_000])]
    reference: Annotated[str, Meta(max_length=64, pattern=r"^[A-Za-z0-9._:/-]*$(?!\n)", examples=["P-20261122-1"])] = ""


class StatementIn(Wire, frozen=True):
    """The day in the bank's own figures; they add up."""

    opening_minor: _Minor
    closing_minor: Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1, examples=[150_000])]
    entries: Annotated[list[EntryIn], Meta(max_length=10_000)]


class HandIn(Wire, frozen=True):
    """A day's statement of the account that keeps our money, in tenge: in figures, or as a camt.053 document."""

    day: Annotated[date, Meta(description="Almaty.", examples=["2026-11-21"])]
    statement: StatementIn | None = None
    camt053: _Camt053 | None = None


class Taken(Wire, frozen=True):
    """The statement is kept; it was before where `new` is false."""

    new: bool
    entries: Annotated[int, Meta(ge=0, examples=[1])]


async def proved(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Let only what the named bank signed reach the decoder; raises app.partners.caller.Unproved."""
    assert isinstance(connection, Request), "a guard of HTTP routes"
    house: House = connection.app.state.house
    asked, body = signed.request(house, connection.scope), await connection.body()
    code = str(connection.path_params["bank"])
    async with db.transaction(house.api, audience="public") as story:
        await caller.prove(story, code, Kind.BANK, asked, body=body, now=clock.real())
    connection.scope["state"][signed.PROVED] = True


@post(
    "/v1/banks/{bank:str}/statements",
    operation_id="handInStatement",
    opt={"scope": "public", "signed": True, "answers": "signed", "quota": "signed"},
    guards=[proved],
    tags=["Banks"],
    summary="Hand in a day's statement",
    status_code=200,
)
async def hand_in(
    bank: FromPath[str], data: JSONBody[HandIn], request: Request[Any, Any, Any], house: NamedDependency[House]
) -> Response[Taken]:
    """Keep the statement of a day: once, and never another one in its place."""
    found = bank_statement.checked(_read(data), data.day)
    body = data.camt053.encode() if data.camt053 is not None else await request.body()
    async with db.transaction(house.api, audience="public") as story:
        connection = await story()
        partner = await registry.find(connection, bank)
        await story.speak_for(partner.id)
        new = await bank_statement.keep(
            connection,
            house.keys.kms,
            partner,
            found,
            body=body,
            format_="json" if data.camt053 is None else "camt.053",
            at=story.now,
        )
    return Response(Taken(new=new, entries=len(found.entries)), status_code=200)


def _read(data: HandIn) -> Statement:
    if (data.statement is None) == (data.camt053 is None):
        raise NotTogether("statement", "camt053")
    if data.camt053 is not None:
        return camt053_.from_xml(data.camt053.encode())
    assert data.statement is not None, "one of the two"
    return Statement(
        day=data.day,
        currency="KZT",
        opening_minor=data.statement.opening_minor,
        closing_minor=data.statement.closing_minor,
        entries=[Entry(each.amount_minor, each.reference) for each in data.statement.entries],
    )


routes = [hand_in]
