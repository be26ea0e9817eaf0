"""How a verifier asks and what it reads, for partners and testers alike (app/credentials/presentations.py)."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from litestar import get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth.principal import Principal
from app.credentials import presentations
from app.credentials.presentations import Verifier, WalletError, Wanted
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import NotTogether, Wire
from residency.credential.check import Check
from residency.credential.presenting import asking, dcql, question
from residency.credential.presenting.dcql import Query
from residency.credential.presenting.judging import Checked, Conclusion, Judged, Outcome, Verdict
from residency.credential.presenting.question import QUESTIONS, Answer

#: One table says what can be asked.
Asks: TypeAlias = Literal[tuple(QUESTIONS)]  # type: ignore[valid-type]  # as above
_QUERY = {
    "credentials": [
        {
            "id": "id",
            "format": "dc+sd-jwt",
            "meta": {"vct_values": ["https://id.example/credentials/e-resident/1"]},
            "claims": [{"path": ["family_name"]}],
        }
    ]
}
Dcql = Annotated[dict[str, Any], Meta(description="DCQL (OpenID4VP 1.0 section 6).", examples=[_QUERY])]


class Agreement(Wire, frozen=True):
    """What the holder agrees to by answering (OpenID4VP 1.0 section 8.4); the wallet shows it."""

    type: Annotated[str, Meta(min_length=1, max_length=64, examples=["payment"])]
    told: Annotated[dict[str, Any], Meta(examples=[{"amount": "100.00", "currency": "KZT"}])]


class AskPresentation(Wire, frozen=True, kw_only=True):
    """What to ask: a query in DCQL or one of our questions. With a `redirect_uri` the holder comes back to it."""

    query: Dcql | None = None
    question: Annotated[Asks, Meta(examples=["over_18"])] | None = None
    agreement: Agreement | None = None
    redirect_uri: (
        Annotated[str, Meta(max_length=500, pattern=r"^https://[!-~]+$(?!\n)", examples=["https://bank.example/done"])]
        | None
    ) = None


class PresentationRequested(Wire, frozen=True):
    """A request that stands: show `request_uri` as a QR code or open it on the holder's phone."""

    id: Annotated[str, Meta(examples=["presentation_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    request_uri: Annotated[str, Meta(examples=["openid4vp://?client_id=x509_hash%3AAbc&request_uri=https%3A%2F%2F…"])]
    verdict_url: Annotated[str, Meta(examples=["https://id.example/v1/presentations/presentation_06AVZR0TKB7Z8M2Q3"])]
    expires_at: Annotated[datetime, Meta(description="On the real clock.")]


class CheckedView(Wire, frozen=True, kw_only=True):
    """One check, what became of it, and why where it did not pass."""

    check: Annotated[Check, Meta(examples=["status"])]
    outcome: Annotated[Outcome, Meta(examples=["passed"])]
    reason: Annotated[str | None, Meta(examples=[None])] = None
    age_s: Annotated[int | None, Meta(description="How old the status was that was looked at.", examples=[0])] = None

    @classmethod
    def of(cls, checked: Checked) -> "CheckedView":
        """Show a check."""
        return cls(check=checked.check, outcome=checked.outcome, reason=checked.reason, age_s=checked.age_s)


class IssuerView(Wire, frozen=True, kw_only=True):
    """Whose word a credential is, and on what ground it is taken."""

    id: Annotated[
        str | None, Meta(description="The entry of the trust list; null: ours.", examples=["foreign_issuer_06AVZR0TK"])
    ]
    name: Annotated[str, Meta(examples=["Ministry of the Interior"])]
    country: Annotated[str, Meta(examples=["EE"])]
    legal_ground: Annotated[str, Meta(examples=["Agreement of 1 July 2026"])]


class JudgedView(Wire, frozen=True, kw_only=True):
    """One credential. Of a question no claims are told, only the answer."""

    id: Annotated[str, Meta(examples=["id"])]
    type: Annotated[str | None, Meta(examples=["https://id.example/credentials/e-resident/1"])]
    issuer: IssuerView | None
    checks: list[CheckedView]
    claims: Annotated[dict[str, Any], Meta(examples=[{"family_name": "MUSTERMANN"}])]

    @classmethod
    def of(cls, judged: Judged, claims: Mapping[str, Any]) -> "JudgedView":
        """Show a credential with the claims that are told of it."""
        issuer = None
        if (found := judged.issuer) is not None:
            shown = None if found.id is None else ids.show("foreign_issuer", found.id)
            issuer = IssuerView(id=shown, name=found.name, country=found.country, legal_ground=found.legal_ground)
        checks = [*map(CheckedView.of, judged.checks)]
        return cls(id=judged.id, type=judged.type, issuer=issuer, checks=checks, claims=dict(claims))


class VerdictView(Wire, frozen=True, kw_only=True):
    """What the answer proves. `status_unknown` is neither a yes nor a no."""

    conclusion: Annotated[Conclusion, Meta(examples=["accepted"])]
    answer: Annotated[Answer | None, Meta(description="To a question.", examples=[None])] = None
    lacking: Annotated[list[str], Meta(examples=[[]])]
    credentials: list[JudgedView]

    @classmethod
    def of(cls, verdict: Verdict, asks: str | None = None) -> "VerdictView":
        """Show a verdict; over a question nothing but the answer is told."""
        asked = QUESTIONS.get(asks or "")
        return cls(
            conclusion=verdict.conclusion,
            answer=question.answer(asked, verdict) if asked is not None else None,
            lacking=list(verdict.lacking),
            credentials=[JudgedView.of(each, {} if asked is not None else each.claims) for each in verdict.credentials],
        )


class PresentationView(Wire, frozen=True, kw_only=True):
    """Where a request stands; `error` is why a wallet declined, in its words."""

    id: Annotated[str, Meta(examples=["presentation_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[presentations.State, Meta(examples=["answered"])]
    expires_at: datetime
    answered_at: datetime | None = None
    verdict: VerdictView | None = None
    error: Annotated[WalletError | None, Meta(examples=[None])] = None


def query_of(query: Mapping[str, Any] | None, asks: str | None, url: str) -> Query:
    """Read what is asked, by a query or a question; raises NotTogether, dcql.BadQuery."""
    if (query is None) == (asks is None):
        raise NotTogether("query", "question")
    return question.query(QUESTIONS[asks], url) if asks is not None else dcql.parse(query)


#: What a wallet shows its holder of who asks, which is ours to say and not the caller's.
Names = Callable[[AsyncConnection, Principal], Awaitable[str]]


def routes(
    path: str, *, scope: str, tags: list[str], names: Names, asks: tuple[str, str], reads: tuple[str, str]
) -> list[HTTPRouteHandler]:
    """Make the two operations of a verifier at `path`; `asks` and `reads` are each an operation's id and summary."""

    @post(path, operation_id=asks[0], opt={"scope": scope}, tags=tags, summary=asks[1])
    async def ask(
        data: JSONBody[AskPresentation],
        story: NamedDependency[Story],
        house: NamedDependency[House],
        me: NamedDependency[Principal],
    ) -> PresentationRequested:
        """Make a request that one wallet may answer within five minutes (OpenID4VP 1.0 under HAIP 1.0).

        Takes no Idempotency-Key: a second request does no harm, and its link is not kept anywhere.
        """
        verifier = Verifier(me.actor, await names(await story(), me))
        return await _ask(data, story, house, verifier=verifier, path=path)

    @get(f"{path}/{{presentation_id:str}}", operation_id=reads[0], opt={"scope": scope}, tags=tags, summary=reads[1])
    async def read(
        presentation_id: FromPath[str],
        story: NamedDependency[Story],
        house: NamedDependency[House],
        me: NamedDependency[Principal],
        response_code: Annotated[
            str | None, QueryParameter(max_length=100, description="What the holder brought back to the redirect_uri.")
        ] = None,
    ) -> PresentationView:
        """Tell what the answer proves, every check by name. It is kept for an hour."""
        return await _read(presentation_id, story, house, verifier=me.actor, response_code=response_code)

    return [ask, read]


async def _ask(
    data: AskPresentation, story: Story, house: House, *, verifier: Verifier, path: str
) -> PresentationRequested:
    """Keep what a verifier asks; raises NotTogether, dcql.BadQuery, asking.BadTransaction."""
    url = house.settings.issuer
    asked = query_of(data.query, data.question, url)
    agreed: tuple[str, ...] = ()
    if data.agreement is not None:
        names = tuple(each.id for each in asked.credentials)
        agreed = (asking.transaction(data.agreement.type, asked, names, data.agreement.told),)
    wanted = Wanted(query=data.query, question=data.question, transaction_data=agreed, redirect_uri=data.redirect_uri)
    opened = await presentations.ask(
        await story(), house.keys.kms, house.credentials, wanted, verifier=verifier, now=clock.real()
    )
    shown = ids.show("presentation", opened.id)
    return PresentationRequested(shown, opened.uri, f"{url}{path}/{shown}", opened.expires_at)


async def _read(
    presentation_id: str, story: Story, house: House, *, verifier: str, response_code: str | None
) -> PresentationView:
    """Tell a verifier where its request stands; raises UnknownPresentation, OtherSession."""
    found = await presentations.result(
        await story(),
        house.keys.kms,
        ids.parse("presentation", presentation_id),
        verifier=verifier,
        response_code=response_code,
        now=clock.real(),
    )
    return PresentationView(
        id=presentation_id,
        state=found.state,
        expires_at=found.expires_at,
        answered_at=found.answered_at,
        verdict=VerdictView.of(found.verdict, found.wanted.question) if found.verdict is not None else None,
        error=found.error,
    )
