"""What the caller agreed to, and the right to take it back.

path   POST   /v1/me/consents             ->  app/account/consent.py   give()
       DELETE /v1/me/consents/{purpose}   ->  app/account/consent.py   withdraw()
"""

from datetime import datetime
from typing import Annotated

from litestar import Request, Response, delete, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from app import language
from app.account import consent, purposes
from app.account.consent import Said, Where, Words
from app.auth.principal import Principal
from app.auth.token import Claims
from app.db import Story
from app.http.wire import Wire
from app.idempotency import Once
from app.language import Language
from law.calendar import statutory_date

PurposeCode = Annotated[str, Meta(max_length=40, examples=["partner_banks"])]
TextHash = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)",
        description="SHA-256 of the text as it was shown, UTF-8, in hexadecimal.",
        examples=["a9f51566bd6705f7ea6ad54bb9deb449f795582d6529a0e22207b8981233ec58"],
    ),
]


class GiveConsent(Wire, frozen=True):
    """To which purpose, and to which words: the hash and the language of the text that was shown."""

    purpose: PurposeCode
    text_sha256: TextHash
    language: Annotated[Language, Meta(examples=["en"])]


class ConsentRecord(Wire, frozen=True, kw_only=True):
    """One purpose: the text in force in the caller's language, and what the caller said last.

    `given` is whether a yes stands; a new text asks everybody again. `ends` tells what a withdrawal ends.
    """

    purpose: PurposeCode
    title: Annotated[str, Meta(examples=["Passing my data to partner banks"])]
    text: Annotated[str, Meta(examples=["I agree that the operator passes to the partner bank that I choose…"])]
    text_version: Annotated[str, Meta(examples=["2026-11"])]
    text_sha256: TextHash
    language: Annotated[Language, Meta(description="Of the text shown here.", examples=["en"])]
    source: Annotated[str, Meta(description="The act it stands on.", examples=["Law 94-V of 21 May 2013, art. 8"])]
    needed_for: Annotated[
        list[str], Meta(description="Operations that refuse without it.", examples=[["confirmPlacement"]])
    ]
    ends: Annotated[str, Meta(examples=["Nothing new is sent to a bank."])]
    given: Annotated[bool, Meta(examples=[True])]
    said_at: Annotated[datetime | None, Meta(description="When the caller last said yes or no.")] = None


class Consents(Wire, frozen=True):
    """Every purpose there is."""

    consents: list[ConsentRecord]


@get(
    "/v1/me/consents",
    operation_id="listConsents",
    opt={"scope": "account:read"},
    tags=["Account"],
    summary="What I agreed to",
)
async def list_consents(
    request: Request[Claims, Principal, State], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> Response[Consents]:
    """List the purposes with their texts in the caller's language, and what the caller said to each."""
    said = await consent.latest(await story(), me.subject)
    tag = language.choose(request.headers.get("accept-language"))
    shown = [_record(purpose, said.get(purpose), tag, story.now) for purpose in purposes.catalogue()]
    return Response(Consents(consents=shown), headers={"Content-Language": tag, "Vary": "Accept-Language"})


@post(
    "/v1/me/consents",
    operation_id="giveConsent",
    opt={"scope": "account:write"},
    tags=["Account"],
    summary="Agree to a purpose",
)
async def give_consent(
    request: Request[Claims, Principal, State],
    data: JSONBody[GiveConsent],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[ConsentRecord]:
    """Agree to exactly the words whose hash is sent. The row kept says who, to what, when and in which session."""

    async def act(story: Story) -> ConsentRecord:
        words = Words(data.purpose, bytes.fromhex(data.text_sha256), data.language)
        said = await consent.give(await story(), me.subject, words, _where(request), at=story.now)
        return _record(data.purpose, said, data.language, story.now)

    return await once(act)


@delete(
    "/v1/me/consents/{purpose:str}",
    operation_id="withdrawConsent",
    opt={"scope": "account:write"},
    tags=["Account"],
    summary="Take a consent back",
    status_code=200,
)
async def withdraw_consent(
    request: Request[Claims, Principal, State],
    purpose: FromPath[str],
    story: NamedDependency[Story],
    me: NamedDependency[Principal],
) -> ConsentRecord:
    """Take it back from now on: `ends` says what ends. What was done before stays lawful."""
    db = await story()
    said = await consent.withdraw(db, me.subject, purpose, _where(request), at=story.now)
    return _record(purpose, said, language.choose(request.headers.get("accept-language")), story.now)


def _where(request: Request[Claims, Principal, State]) -> Where:
    return Where(request.user.client_id, request.user.sid)


def _record(purpose: str, said: Said | None, tag: Language, at: datetime) -> ConsentRecord:
    known = purposes.of(purpose)
    shown = known.text(statutory_date(at))
    return ConsentRecord(
        purpose=purpose,
        title=known.title[tag],
        text=shown.words(tag),
        text_version=shown.version,
        text_sha256=shown.sha256(tag).hex(),
        language=tag,
        source=known.source,
        needed_for=list(known.needed_for),
        ends=known.ends[tag],
        given=consent.holds(said, at),
        said_at=said.at if said else None,
    )


routes = [list_consents, give_consent, withdraw_consent]
