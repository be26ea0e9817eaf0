"""Numbers that stand for the caller: IIN, BIN, the AIFC's e-IIN, passport and tax numbers of other countries.

path   POST /v1/identity/identifiers   ->  kyc/identifiers/identifier.py read(), name()
"""

import hashlib
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app import vault
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids
from app.http.mobile.papers import Country
from app.http.wire import Wire
from app.idempotency import Once
from kyc.cases import records
from kyc.identifiers import digits, identifier
from kyc.identifiers.identifier import Identifier, Scheme
from kyc.packs import catalogue
from law.calendar import statutory_date

_TAGS = ["Papers"]
_TABLE, _COLUMN = "kyc.identifier", "value"
IdentifierId = Annotated[str, Meta(examples=["identifier_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]


class NameIdentifier(Wire, frozen=True, kw_only=True):
    """A number and whose it is. An e-IIN is the AIFC's and no IIN: it is of no use before state bodies."""

    scheme: Annotated[Scheme, Meta(examples=["iin"])]
    country: Annotated[Country, Meta(examples=["KZ"])]
    value: Annotated[
        str, Meta(min_length=3, max_length=40, pattern=r"^[A-Za-z0-9 -]+$(?!\n)", examples=["900101300017"])
    ]


class IdentifierView(Wire, frozen=True, kw_only=True):
    """A number: its end, by which its owner knows it again; all of it only to its owner, when it is listed."""

    id: IdentifierId
    scheme: Annotated[Scheme, Meta(examples=["iin"])]
    country: Country
    shown: Annotated[str, Meta(examples=["…017"])]
    value: Annotated[str | None, Meta(examples=[None])] = None
    named_at: datetime
    ended_at: datetime | None = None

    @classmethod
    def of(cls, found: Identifier, number: str, *, whole: bool = False) -> "IdentifierView":
        """Show a number."""
        return cls(
            id=ids.show("identifier", found.id),
            scheme=found.scheme,
            country=found.country,
            shown=identifier.shown(number),
            value=number if whole else None,
            named_at=found.at,
            ended_at=found.ended_at,
        )


class IdentifiersView(Wire, frozen=True):
    """The caller's numbers, newest first."""

    identifiers: list[IdentifierView]


@post(
    "/v1/identity/identifiers",
    operation_id="nameIdentifier",
    opt={"scope": "kyc:write"},
    tags=_TAGS,
    summary="Name a number",
)
async def name_identifier(
    data: JSONBody[NameIdentifier],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[IdentifierView]:
    """Name a number that stands for the caller: slips are found, nothing is read out of it."""

    async def act(story: Story) -> IdentifierView:
        db, made = await story(), mint.new()
        rules = catalogue.shipped().of(data.country, statutory_date(story.now)).numbers
        validator = next((digits.VALIDATORS[rule.validator] for rule in rules), None)
        number = identifier.read(data.scheme, data.country, data.value, validator)
        keys = await vault.of(db, house.keys.kms, me.subject, story.now)
        found = Identifier(
            id=made,
            resident=me.subject,
            scheme=data.scheme,
            country=data.country,
            value=keys.seal(number.encode(), table=_TABLE, column=_COLUMN, row=made),
            blind=house.keys.kms.blind("kyc.identifier", f"{data.scheme}|{data.country}|{number}"),
            at=story.now,
        )
        unique = await identifier.name(db, found, actor=me.actor)
        inputs = hashlib.sha256(found.value).digest()
        unique = msgspec.structs.replace(unique, evidence=(ids.show("identifier", made),))
        await records.add(db, me.subject, [unique], inputs=inputs, at=story.now, actor=me.actor)
        return IdentifierView.of(found, number)

    return await once(act)


@get(
    "/v1/identity/identifiers",
    operation_id="listIdentifiers",
    opt={"scope": "kyc:read"},
    tags=_TAGS,
    summary="My numbers",
)
async def list_identifiers(
    me: NamedDependency[Principal], story: NamedDependency[Story], house: NamedDependency[House]
) -> IdentifiersView:
    """List the caller's numbers, newest first, those that ended too."""
    db = await story()
    found = await identifier.of_resident(db, me.subject)
    if not found:
        return IdentifiersView([])
    keys = await vault.existing(db, house.keys.kms, me.subject)
    numbers = (keys.open(each.value, table=_TABLE, column=_COLUMN, row=each.id).decode() for each in found)
    views = [IdentifierView.of(each, number, whole=True) for each, number in zip(found, numbers, strict=True)]
    return IdentifiersView(views)


@post(
    "/v1/identity/identifiers/{identifier_id:str}/end",
    operation_id="endIdentifier",
    opt={"scope": "kyc:write"},
    tags=_TAGS,
    summary="End a number",
    status_code=200,
)
async def end_identifier(
    identifier_id: FromPath[str],
    me: NamedDependency[Principal],
    once: NamedDependency[Once],
    house: NamedDependency[House],
) -> Response[IdentifierView]:
    """Say that a number stands for the caller no longer; that it did stays known."""

    async def act(story: Story) -> IdentifierView:
        db = await story()
        ended = await identifier.end(db, ids.parse("identifier", identifier_id), at=story.now, actor=me.actor)
        keys = await vault.existing(db, house.keys.kms, me.subject)
        number = keys.open(ended.value, table=_TABLE, column=_COLUMN, row=ended.id).decode()
        return IdentifierView.of(ended, number)

    return await once(act)


routes = [name_identifier, list_identifiers, end_identifier]
