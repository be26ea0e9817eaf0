"""What a holder of cards has to know and to prove: the notice to consumers, and who they are.

path   GET /v1/cards/notice                 the notice of the day, in the caller's language
       POST /v1/cards/notice/acceptances ->  cards/programme/consent.py  accept()  cards/programme/rounds.py  accepted()
       GET, POST /v1/cards/verification     ->  cards/processing/processor.py  update_cardholder()  of all who know them

A card that waits for its holder's consent moves to its new legal basis in the moment the notice is accepted.
"""

from datetime import date, datetime
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta

from app import language, standing
from app.auth.principal import Principal
from app.cards import holders, processors
from app.db import Story
from app.house import House
from app.http.mobile.card_view import NoticeVersion
from app.http.wire import Wire
from app.idempotency import Once
from cards import card as cards_card
from cards.programme import change, consent, rounds, verification
from law.calendar import statutory_date
from law.regime import Phase

_TAGS = ["Cards"]


class NoticeView(Wire, frozen=True):
    """What must be read before a card is ordered, and under which regime the programme runs."""

    version: NoticeVersion
    phase: Annotated[Phase, Meta(examples=["sandbox"])]
    issuance_basis: Annotated[str, Meta(examples=["NBK-SANDBOX-ASSUMED-1"])]
    language: Annotated[language.Language, Meta(examples=["en"])]
    text: Annotated[str, Meta(examples=["This service runs under the special regulatory regime …"])]
    accepted_at: Annotated[datetime | None, Meta(description="When the caller accepted it; null: not yet.")]


class AcceptNotice(Wire, frozen=True):
    """Which version was read and is accepted."""

    version: NoticeVersion


class AcceptedView(Wire, frozen=True):
    """The caller accepted `version`; `moved` of their cards were waiting for that and are on the new basis now."""

    version: NoticeVersion
    moved: Annotated[int, Meta(ge=0, examples=[0])]


class VerificationView(Wire, frozen=True):
    """When the caller's identity was verified, and the last day for which that is enough; null is for ever.

    To be verified again, the caller shows a document again (POST /v1/identity/documents), then says so here.
    """

    verified_at: datetime
    verified_until: Annotated[date | None, Meta(examples=["2027-11-22"])]


@get(
    "/v1/cards/notice",
    operation_id="getCardNotice",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="The consumer notice",
)
async def get_notice(
    request: Request[Any, Any, Any], story: NamedDependency[Story], me: NamedDependency[Principal]
) -> NoticeView:
    """Show what the programme must tell a consumer before the first card (Law on the National Bank, art. 51-5)."""
    given = {each.notice_version: each.at for each in await consent.of(await story(), me.subject)}
    regime = holders.regime(story.now)
    tag = language.choose(request.headers.get("accept-language"))
    return NoticeView(
        version=regime.notice.version,
        phase=regime.phase,
        issuance_basis=regime.basis,
        language=tag,
        text=regime.notice.texts[tag],
        accepted_at=given.get(regime.notice.version),
    )


@post(
    "/v1/cards/notice/acceptances",
    operation_id="acceptCardNotice",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Accept the consumer notice",
)
async def accept_notice(
    request: Request[Any, Any, Any],
    data: JSONBody[AcceptNotice],
    once: NamedDependency[Once],
    me: NamedDependency[Principal],
) -> Response[AcceptedView]:
    """Accept the notice of the day; a version that was accepted before stays accepted once."""

    async def act(story: Story) -> AcceptedView:
        db, at = await story(), story.now
        regime = holders.regime(at)
        tag = language.choose(request.headers.get("accept-language"))
        await consent.accept(db, me.subject, data.version, tag, notice=regime.notice, actor=me.actor, at=at)
        living = await cards_card.alive_of(db, me.subject)
        waiting = [card.id for card in living if card.issuance_basis != regime.basis]
        locked = await change.all_locked(db, waiting) if waiting else []
        moved = await rounds.accepted(db, locked, regime, actor=me.actor, at=at)
        return AcceptedView(version=data.version, moved=moved)

    return await once(act)


@get(
    "/v1/cards/verification",
    operation_id="getCardVerification",
    opt={"scope": "cards:read"},
    tags=_TAGS,
    summary="Until when the identity is verified",
)
async def get_verification(story: NamedDependency[Story], me: NamedDependency[Principal]) -> VerificationView:
    """Say until when the caller's identity is good enough for cards."""
    found = await verification.find(await story(), me.subject)
    if found is None:
        raise verification.IdentityNotVerified
    return VerificationView(verified_at=found.verified_at, verified_until=found.verified_until)


@post(
    "/v1/cards/verification",
    operation_id="verifyForCards",
    opt={"scope": "cards:write"},
    tags=_TAGS,
    summary="Let a new verification count",
    status_code=200,
)
async def verify(
    once: NamedDependency[Once], me: NamedDependency[Principal], house: NamedDependency[House]
) -> Response[VerificationView]:
    """Let the caller's newest document count: cards that waited for it can be used again at once.

    Processors elsewhere are told the names and where the caller is reached as they are now.
    """

    async def act(story: Story) -> VerificationView:
        db, at = await story(), story.now
        await standing.require_e_resident(db, me.subject)
        by = await processors.asking(story, me.actor)
        for each in await processors.knowing(house, by, me.subject):
            await each.update_cardholder(by, me.subject)
        known = await verification.find(db, me.subject)
        assert known is not None, "our own processor has just noted it"
        verification.ensure(known, statutory_date(at))
        return VerificationView(verified_at=known.verified_at, verified_until=known.verified_until)

    return await once(act)


routes = [get_notice, accept_notice, get_verification, verify]
