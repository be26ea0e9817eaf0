"""Lists of the card programme: merchants that are paid nothing, and persons.

path   POST /v1/officer/listed-merchants           ->  cards/programme/listing.py   add_merchant()
       POST /v1/officer/listed-persons             ->  cards/programme/listing.py   add_person()
       POST /v1/officer/card-listings/{id}/end     ->  cards/programme/listing.py   end()

A person is named by a document, of which a keyed digest is kept; whether one of ours has it, nobody is told.
"""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.cards import holders
from app.db import Story
from app.house import House
from app.http import ids
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import Wire
from app.idempotency import Once
from cards.card import Listing
from cards.programme import listing
from cards.programme.listing import Merchant, Person, Reason

_TAGS = ["Cards"]
_SCOPE = {"scope": "officer:programme"}
_ListingId = Annotated[str, Meta(examples=["listing_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
_MerchantName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9 ._-]{1,40}$(?!\n)", examples=["M-666"])]


class ListMerchant(Wire, frozen=True):
    """A merchant by its id in the network, and why."""

    merchant: _MerchantName
    reason: Annotated[Reason, Meta(examples=["illegal_gambling"])]


class ListPerson(Wire, frozen=True):
    """A person by a document: who issued it (as it is printed, ICAO 9303) and its number; on which list, until when."""

    listing: Annotated[Listing, Meta(examples=["self_restricted"])]
    issuer: Annotated[str, Meta(pattern=r"^[A-Z]{1,3}$(?!\n)", examples=["DEU"])]
    number: Annotated[str, Meta(pattern=r"^[A-Z0-9]{1,20}$(?!\n)", examples=["C01X00T47"])]
    until: Annotated[date | None, Meta(description="The last day; null is until further notice.", examples=[None])] = (
        None
    )


class MerchantView(Wire, frozen=True, kw_only=True):
    """A merchant that is paid nothing."""

    id: _ListingId
    merchant: _MerchantName
    reason: Annotated[Reason, Meta(examples=["illegal_gambling"])]
    listed_by: str
    listed_at: datetime

    @classmethod
    def of(cls, found: Merchant) -> "MerchantView":
        """Show a merchant."""
        return cls(
            id=ids.show("listing", found.id),
            merchant=found.merchant,
            reason=found.reason,
            listed_by=found.listed_by,
            listed_at=found.listed_at,
        )


class PersonView(Wire, frozen=True, kw_only=True):
    """Somebody on a list. Who it is can't be read back."""

    id: _ListingId
    listing: Annotated[Listing, Meta(examples=["self_restricted"])]
    until: Annotated[date | None, Meta(examples=[None])]
    listed_by: str
    listed_at: datetime

    @classmethod
    def of(cls, found: Person) -> "PersonView":
        """Show a listing."""
        return cls(
            id=ids.show("listing", found.id),
            listing=found.listing,
            until=found.until,
            listed_by=found.listed_by,
            listed_at=found.listed_at,
        )


class EndedView(Wire, frozen=True):
    """What is off its list."""

    id: _ListingId


class MerchantPage(Wire, frozen=True):
    """A page, the first listed first; `next_cursor` is absent on the last."""

    merchants: list[MerchantView]
    next_cursor: str | None = None


class PersonPage(Wire, frozen=True):
    """A page, the first listed first; `next_cursor` is absent on the last."""

    persons: list[PersonView]
    next_cursor: str | None = None


@get(
    "/v1/officer/listed-merchants",
    operation_id="listListedMerchants",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Merchants that are paid nothing",
)
async def list_merchants(
    story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20, cursor: Cursor = None
) -> MerchantPage:
    """List the merchants the programme never pays."""
    pager = Pager(house.keys.cursor, "listed-merchants")
    place = pager.place(cursor)
    found = await listing.merchants(await story(), after=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    return MerchantPage(
        merchants=[MerchantView.of(each) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@post(
    "/v1/officer/listed-merchants",
    operation_id="listMerchant",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Pay a merchant nothing",
)
async def list_merchant(
    data: JSONBody[ListMerchant], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[MerchantView]:
    """Refuse every purchase at a merchant from now on, whatever its category and whatever holders permit."""

    async def act(story: Story) -> MerchantView:
        db = await story()
        wanted = Merchant(
            id=mint.new(), merchant=data.merchant, reason=data.reason, listed_by=me.actor, listed_at=story.now
        )
        return MerchantView.of(await listing.add_merchant(db, wanted))

    return await once(act)


@get(
    "/v1/officer/listed-persons",
    operation_id="listListedPersons",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Persons on a list",
)
async def list_persons(
    story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20, cursor: Cursor = None
) -> PersonPage:
    """List who is on a list: since when, until when, not who."""
    pager = Pager(house.keys.cursor, "listed-persons")
    place = pager.place(cursor)
    found = await listing.persons(await story(), after=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    return PersonPage(
        persons=[PersonView.of(each) for each in shown],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@post(
    "/v1/officer/listed-persons",
    operation_id="listPerson",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Put a person on a list",
)
async def list_person(
    data: JSONBody[ListPerson],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[PersonView]:
    """Put whoever holds this document on a list, whether they are here already or come later."""

    async def act(story: Story) -> PersonView:
        db = await story()
        wanted = Person(
            id=mint.new(),
            listing=data.listing,
            # The digest by which kyc knows who came with a document (kyc/identify.py).
            blind=house.keys.kms.blind("kyc.document", f"{data.issuer}|{data.number}"),
            until=data.until,
            listed_by=me.actor,
            listed_at=story.now,
        )
        made = await listing.add_person(db, wanted)
        await holders.recognise(db, listed=made.id)
        return PersonView.of(made)

    return await once(act)


@post(
    "/v1/officer/card-listings/{listing_id:str}/end",
    operation_id="endCardListing",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Take off a list",
    status_code=200,
)
async def end_listing(
    listing_id: FromPath[str], once: NamedDependency[Once], me: NamedDependency[Principal]
) -> Response[EndedView]:
    """Take a merchant or a person off a list."""
    wanted = ids.parse("listing", listing_id)

    async def act(story: Story) -> EndedView:
        await listing.end(await story(), wanted, actor=me.actor, at=story.now)
        return EndedView(id=listing_id)

    return await once(act)


routes = [list_merchants, list_merchant, list_persons, list_person, end_listing]
