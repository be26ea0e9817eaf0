"""What whoever scans a resident's code sends and reads: the same for anybody and for a registered client."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, Any

from msgspec import Meta

from app.credentials.showings import Told, Verifier
from app.http.wire import LINE, Wire
from app.language import Language
from residency.credential.dataset import Kind
from residency.credential.presenting.judging import Conclusion
from residency.credential.presenting.question import Answer
from residency.credential.showing import field
from residency.credential.showing.field import Field

#: Any text: what is no code is answered like a wrong one.
Code = Annotated[str, Meta(min_length=1, max_length=64, examples=["MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U"])]
Session = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        description="Of the first answer, to look again before the code ends.",
        examples=["mWqGvVt4v0xZ3GkQ1cC3Sg"],
    ),
]
LINE_MAX = 100
Purpose = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LINE_MAX,
        pattern=LINE,
        description="What for; the resident reads it.",
        examples=["check-in"],
    ),
]


class ShownField(Wire, frozen=True):
    """One field of the ID: its name, what people call it, what it says."""

    name: Annotated[str, Meta(examples=["family_name"])]
    label: Annotated[str, Meta(examples=["Family name"])]
    value: Annotated[Any, Meta(description="As in an SD-JWT VC of the ID.", examples=["MUSTERMANN"])]


class ShowingVerdict(Wire, frozen=True, kw_only=True):
    """What the resident agreed to show, and whether the document is in force at this moment.

    A question is answered without its field: no where the document is not in force.
    """

    document: Kind
    conclusion: Annotated[Conclusion, Meta(examples=["accepted"])]
    in_force: Annotated[bool, Meta(description="The status stands, and the ID is not stopped.", examples=[True])]
    fields: list[ShownField]
    question: Annotated[str | None, Meta(examples=[None])] = None
    answer: Annotated[Answer | None, Meta(description="To the question.", examples=[None])] = None
    scanned_at: datetime
    age_s: Annotated[int, Meta(ge=0, description="How long ago the code was scanned.", examples=[0])]
    verifier: Annotated[str, Meta(description="Who the resident is told it was.", examples=["Hotel Almaty"])]
    verified: Annotated[bool, Meta(description="Whether that is a registered client's name.", examples=[False])]
    session: Session | None = None
    expires_at: Annotated[datetime, Meta(description="After this instant of the real clock nothing is told any more.")]


def shown(fields: Iterable[Field], kind: Kind, language: Language) -> list[ShownField]:
    """Show fields with what people call them."""
    return [
        ShownField(name=each.name, label=field.label(each.name, kind, language), value=each.value) for each in fields
    ]


def verdict(told: Told, by: Verifier, language: Language) -> ShowingVerdict:
    """Show what a verifier learns."""
    scanned = told.scanned
    return ShowingVerdict(
        document=scanned.kind,
        conclusion=told.conclusion,
        in_force=told.in_force,
        fields=shown(told.fields, scanned.kind, language) if told.answer is None else [],
        question=scanned.question,
        answer=told.answer,
        scanned_at=scanned.scanned_at,
        age_s=max(0, told.age // timedelta(seconds=1)),
        verifier=by.name,
        verified=by.client is not None,
        session=scanned.session,
        expires_at=scanned.expires_at,
    )
