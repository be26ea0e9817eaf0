"""How a verifier asks and what it reads, for partners and for who tests from outside alike (app/presentations.py)."""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta

from app import clock, presentations
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import NotTogether, Wire
from app.presentations import Result, Wanted
from residency.credential.check import Check
from residency.credential.presenting import asking, dcql, question
from residency.credential.presenting.judging import Checked, Conclusion, Outcome, Verdict
from residency.credential.presenting.question import QUESTIONS, Answer

Asks = Literal["over_14", "over_16", "over_18", "over_21", "over_25", "over_63", "e_resident_today", "right_to_work"]
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


class Agreement(Wire, frozen=True):
    """What the holder agrees to by answering (OpenID4VP 1.0 section 8.4); the wallet shows it."""

    type: Annotated[str, Meta(min_length=1, max_length=64, examples=["payment"])]
    told: Annotated[dict[str, Any], Meta(examples=[{"amount": "100.00", "currency": "KZT"}])]


class AskPresentation(Wire, frozen=True, kw_only=True):
    """What to ask: a query in DCQL or one of our questions. With a `redirect_uri` the holder comes back to it."""

    query: Annotated[dict[str, Any], Meta(description="DCQL (OpenID4VP 1.0 section 6).", examples=[_QUERY])] | None = (
        None
    )
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


class JudgedView(Wire, frozen=True, kw_only=True):
    """One credential. Of a question no claims are told, only the answer."""

    id: Annotated[str, Meta(examples=["id"])]
    type: Annotated[str | None, Meta(examples=["https://id.example/credentials/e-resident/1"])]
    checks: list[CheckedView]
    claims: Annotated[dict[str, Any], Meta(examples=[{"family_name": "MUSTERMANN"}])]


class VerdictView(Wire, frozen=True, kw_only=True):
    """What the answer proves. `status_unknown` is neither a yes nor a no."""

    conclusion: Annotated[Conclusion, Meta(examples=["accepted"])]
    answer: Annotated[Answer | None, Meta(description="To a question.", examples=[None])] = None
    lacking: Annotated[list[str], Meta(examples=[[]])]
    credentials: list[JudgedView]


class PresentationView(Wire, frozen=True, kw_only=True):
    """Where a request stands."""

    id: Annotated[str, Meta(examples=["presentation_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    state: Annotated[presentations.State, Meta(examples=["answered"])]
    expires_at: datetime
    answered_at: datetime | None = None
    verdict: VerdictView | None = None


async def ask(data: AskPresentation, story: Story, house: House, *, verifier: str, path: str) -> PresentationRequested:
    """Keep what a verifier asks; raises NotTogether, dcql.BadQuery, asking.BadTransaction."""
    if (data.query is None) == (data.question is None):
        raise NotTogether("query", "question")
    url = house.settings.issuer
    asked = dcql.parse(data.query) if data.query is not None else question.query(QUESTIONS[str(data.question)], url)
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


async def read(
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
        verdict=_verdict(found.verdict, found) if found.verdict is not None else None,
    )


def _verdict(verdict: Verdict, found: Result) -> VerdictView:
    asked = QUESTIONS.get(found.wanted.question or "")
    return VerdictView(
        conclusion=verdict.conclusion,
        answer=question.answer(asked, verdict) if asked is not None else None,
        lacking=list(verdict.lacking),
        credentials=[
            JudgedView(
                id=each.id,
                type=each.type,
                checks=[*map(CheckedView.of, each.checks)],
                claims={} if asked is not None else dict(each.claims),
            )
            for each in verdict.credentials
        ],
    )
