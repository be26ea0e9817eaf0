"""The trust list: which foreign issuers' documents are believed, under four eyes; one officer may stop believing.

path   POST /v1/officer/foreign-issuers                     ->  residency/credential/presenting/issuers.py   propose()
       POST /v1/officer/foreign-issuers/{id}/decision       ->  residency/credential/presenting/issuers.py   decide()
       POST /v1/officer/foreign-issuers/{id}/end            ->  residency/credential/presenting/issuers.py   end()
"""

import base64
import hashlib
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import ids as mint
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http import ids, status_list_views
from app.http.paging import Cursor, Limit, Pager
from app.http.wire import BASE64, LINE, Wire
from app.idempotency import Once
from residency.credential.presenting import issuers, trust
from residency.credential.presenting.issuers import ForeignIssuer, Reason
from residency.credential.presenting.trust import StatusPolicy

_TAGS = ["Trust list"]
_SCOPE = {"scope": "officer:trust-list"}
_WEB = r"^https?://[!-~]{1,490}$(?!\n)"

IssuerId = Annotated[str, Meta(examples=["foreign_issuer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=LINE, examples=["Ministry of the Interior"])]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)", description="ISO 3166-1.", examples=["EE"])]
Ground = Annotated[str, Meta(min_length=1, max_length=500, pattern=LINE, examples=["Agreement of 1 July 2026, art. 4"])]
Type = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[!-~]+$(?!\n)")]
Vcts = Annotated[list[Type], Meta(max_length=20, description="Types of SD-JWT VC.", examples=[["urn:eudi:pid:1"]])]
DocTypes = Annotated[
    list[Type], Meta(max_length=20, description="Types of mdoc.", examples=[["org.iso.18013.5.1.mDL"]])
]
Certificate = Annotated[str, Meta(min_length=4, max_length=8_000, pattern=BASE64, examples=["MIIB"])]
AgeMax = Annotated[
    int, Meta(ge=60, le=604_800, description="No status older than so many seconds is believed.", examples=[86_400])
]


class ProposeForeignIssuer(Wire, frozen=True, kw_only=True):
    """Whom to believe, for what, on what ground, from `begins_on` until the day before `ends_on`."""

    name: Name
    country: Country
    url: (
        Annotated[
            str,
            Meta(
                pattern=_WEB,
                description="Only signers are believed that speak for it.",
                examples=["https://pid.example"],
            ),
        ]
        | None
    ) = None
    vcts: Vcts = msgspec.field(default_factory=list)
    doc_types: DocTypes = msgspec.field(default_factory=list)
    certificates: Annotated[
        list[Certificate],
        Meta(
            min_length=1,
            max_length=8,
            description="DER in base64: its roots (IACA), or its signers themselves. They are pinned.",
        ),
    ]
    legal_ground: Ground
    status: Annotated[StatusPolicy, Meta(examples=["required"])]
    lists_at: (
        Annotated[
            str,
            Meta(
                pattern=_WEB,
                description="How the addresses of its status lists begin; absent: they are handed in only.",
                examples=["https://pid.example/status/"],
            ),
        ]
        | None
    ) = None
    crl_at: (
        Annotated[
            str,
            Meta(
                pattern=_WEB,
                description="Where its root lists the signers it revoked (DER); absent: nobody knows of any.",
                examples=["https://pid.example/iaca.crl"],
            ),
        ]
        | None
    ) = None
    status_age_max_s: AgeMax = 86_400
    begins_on: date
    ends_on: date


class ForeignIssuerView(Wire, frozen=True, kw_only=True):
    """An entry: proposed by one officer, and what another one said. `certificates` are SHA-256 of each, in hex."""

    id: IssuerId
    name: Name
    country: Country
    url: Annotated[str | None, Meta(examples=["https://pid.example"])]
    vcts: Vcts
    doc_types: DocTypes
    certificates: Annotated[list[str], Meta(examples=[["5f1c0a"]])]
    legal_ground: Ground
    status: Annotated[StatusPolicy, Meta(examples=["required"])]
    lists_at: Annotated[str | None, Meta(examples=["https://pid.example/status/"])]
    crl_at: Annotated[str | None, Meta(examples=["https://pid.example/iaca.crl"])]
    status_age_max_s: AgeMax
    begins_on: date
    ends_on: date
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])]
    decided_at: Annotated[datetime | None, Meta(examples=[None])]
    agreed: Annotated[bool | None, Meta(description="Null while it waits for the second.", examples=[None])]
    ended_by: Annotated[str | None, Meta(examples=[None])]
    ended_at: Annotated[datetime | None, Meta(examples=[None])]
    ended_because: Annotated[Reason | None, Meta(examples=[None])]

    @classmethod
    def of(cls, found: ForeignIssuer) -> "ForeignIssuerView":
        """Show an entry."""
        fields = {name: getattr(found, name) for name in cls.__struct_fields__}
        return cls(
            **fields
            | {
                "id": ids.show("foreign_issuer", found.id),
                "vcts": list(found.vcts),
                "doc_types": list(found.doc_types),
                "certificates": [hashlib.sha256(each).hexdigest() for each in found.certificates],
            }
        )


class ForeignIssuerPage(Wire, frozen=True):
    """A page, the first proposed first; `next_cursor` is absent on the last."""

    issuers: list[ForeignIssuerView]
    next_cursor: str | None = None


class DecideForeignIssuer(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[True])]


class EndForeignIssuer(Wire, frozen=True):
    """Why the issuer is not believed any more."""

    reason: Annotated[Reason, Meta(examples=["compromised"])]


@get(
    "/v1/officer/foreign-issuers",
    operation_id="listForeignIssuers",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Foreign issuers that are believed, were, or are to be",
)
async def list_foreign_issuers(
    story: NamedDependency[Story], house: NamedDependency[House], limit: Limit = 20, cursor: Cursor = None
) -> ForeignIssuerPage:
    """List the entries of the trust list, past and proposed ones too."""
    pager = Pager(house.keys.cursor, "foreign-issuers")
    place = pager.place(cursor)
    found = await issuers.listed(await story(), after=UUID(place) if place else None, limit=limit + 1)
    shown = found[:limit]
    return ForeignIssuerPage(
        issuers=[*map(ForeignIssuerView.of, shown)],
        next_cursor=pager.cursor(str(shown[-1].id)) if len(found) > limit else None,
    )


@post(
    "/v1/officer/foreign-issuers",
    operation_id="proposeForeignIssuer",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Propose to believe a foreign issuer",
)
async def propose_foreign_issuer(
    data: JSONBody[ProposeForeignIssuer],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
    house: NamedDependency[House],
) -> Response[ForeignIssuerView]:
    """Name an issuer and pin its certificates; it is believed once another officer agrees.

    A document of ours can't be another's, and a root of ours not vouch for another.
    """
    by = house.credentials.authority

    async def act(story: Story) -> ForeignIssuerView:
        db = await story()
        fields = {name: getattr(data, name) for name in data.__struct_fields__}
        asked = ForeignIssuer(
            **fields
            | {
                "vcts": tuple(data.vcts),
                "doc_types": tuple(data.doc_types),
                "certificates": tuple(base64.b64decode(each) for each in data.certificates),
            },
            id=mint.new(),
            proposed_by=me.actor,
            proposed_at=story.now,
        )
        made = await issuers.propose(db, asked, ours=trust.own_types(by.url), own_roots=(*by.roots, *by.links))
        return ForeignIssuerView.of(made)

    return await once(act)


@post(
    "/v1/officer/foreign-issuers/{foreign_issuer_id:str}/decision",
    operation_id="decideForeignIssuer",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Agree to believe an issuer, or not",
    status_code=200,
)
async def decide_foreign_issuer(
    foreign_issuer_id: FromPath[str],
    data: JSONBody[DecideForeignIssuer],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ForeignIssuerView]:
    """Agree as another officer, and its documents are believed within its term; or drop it, and nothing happened."""
    wanted = ids.parse("foreign_issuer", foreign_issuer_id)

    async def act(story: Story) -> ForeignIssuerView:
        db = await story()
        return ForeignIssuerView.of(await issuers.decide(db, wanted, agreed=data.agree, actor=me.actor, at=story.now))

    return await once(act)


@post(
    "/v1/officer/foreign-issuers/{foreign_issuer_id:str}/end",
    operation_id="endForeignIssuer",
    opt=_SCOPE,
    tags=_TAGS,
    summary="Stop believing an issuer",
    status_code=200,
)
async def end_foreign_issuer(
    foreign_issuer_id: FromPath[str],
    data: JSONBody[EndForeignIssuer],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ForeignIssuerView]:
    """Believe its documents no more, from now on. It takes one officer, and two to believe them again."""
    wanted = ids.parse("foreign_issuer", foreign_issuer_id)

    async def act(story: Story) -> ForeignIssuerView:
        db = await story()
        return ForeignIssuerView.of(await issuers.end(db, wanted, data.reason, actor=me.actor, at=story.now))

    return await once(act)


routes = [
    list_foreign_issuers,
    propose_foreign_issuer,
    decide_foreign_issuer,
    end_foreign_issuer,
    status_list_views.route(
        "/v1/officer/status-list-tokens", scope=_SCOPE["scope"], operation="officerBringStatusList", tags=_TAGS
    ),
]
