"""What the resident's ID would say if it were issued now, and what it leaves out.

path   GET /v1/me/credential-data  ->  app/credentials/entitlement.py  said()  ->  residency/credential/dataset.py
"""

from typing import Annotated, Any, Literal

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from app import language
from app.auth.principal import Principal
from app.credentials import entitlement
from app.credentials.entitlement import Said
from app.db import Story
from app.house import House
from app.http.wire import Wire
from law import calendar
from residency.credential import dataset
from residency.credential.dataset import Claim, Kind

Why = Literal["not_on_chip", "unreadable", "not_named", "no_end", "left_open", "no_nationality"]
Which = Annotated[Kind, QueryParameter(description="Which document.")]
_Name = Annotated[
    str, Meta(description="Its place in an SD-JWT, steps parted by full stops.", examples=["age_equal_or_over.18"])
]
_Label = Annotated[str, Meta(examples=["18 or older"])]


class SaidClaim(Wire, frozen=True, kw_only=True):
    """One claim; a verifier sees it only when its holder shows it, unless it is the same for everybody."""

    name: _Name
    label: _Label
    says: Annotated[str | bool | list[str] | dict[str, str], Meta(examples=[True])]


class LeftOut(Wire, frozen=True, kw_only=True):
    """A claim that no copy has, and why: what is not known is not there."""

    name: _Name
    label: _Label
    why: Annotated[
        Why,
        Meta(
            description="`unreadable`: the chip's portrait can't be drawn. `left_open`: the passport"
            " leaves a part of the date of birth open. `not_named`: name the number at /v1/identity/identifiers.",
            examples=["not_on_chip"],
        ),
    ]


class CredentialData(Wire, frozen=True):
    """A document as of today; what a wallet holds is as of its day of issue."""

    claims: list[SaidClaim]
    left_out: list[LeftOut]


@get(
    "/v1/me/credential-data",
    operation_id="getCredentialData",
    opt={"scope": "credential:read"},
    tags=["Credentials"],
    summary="What the ID says",
)
async def get_credential_data(
    request: Request[Any, Any, Any],
    story: NamedDependency[Story],
    house: NamedDependency[House],
    me: NamedDependency[Principal],
    kind: Which = Kind.E_RESIDENT,
) -> CredentialData:
    """Show every claim of a document of the caller, and what it leaves out."""
    db, spoken = await story(), language.choose(request.headers.get("accept-language"))
    said = await entitlement.said(db, house.keys.kms, me.subject, kind, at=story.now)
    today, place = calendar.statutory_date(story.now), dataset.LANGUAGES.index(spoken.value)
    told, left_out = [], []
    for claim in dataset.of_kind(kind):
        name, label, value = ".".join(claim.path), claim.labels[place], claim.says(said.resident, today)
        if value is None:
            left_out.append(LeftOut(name=name, label=label, why=_why(claim, said)))
        else:
            told.append(SaidClaim(name=name, label=label, says=value))  # type: ignore[arg-type]  # JSON of the table
    return CredentialData(told, left_out)


def _why(claim: Claim, said: Said) -> Why:
    if claim.element == "portrait" and said.chip.portrait is not None:
        return "unreadable"
    return _REASONS.get(claim.element, "left_open" if claim.path[0] in _OF_AGE else "not_on_chip")


_OF_AGE = {"birthdate", "age_equal_or_over"}
_REASONS: dict[str, Why] = {
    "personal_administrative_number": "not_named",
    "expiry_date": "no_end",
    "nationality": "no_nationality",
}

routes = [get_credential_data]
