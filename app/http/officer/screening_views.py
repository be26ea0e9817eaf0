"""What officers see of an alert: both sides, what speaks for and against, in their language; what was done about it.

The sentences are in screening_views.toml, one for each code of an explanation (docs/kyc/names.md).
"""

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from app.http import ids
from app.http.officer.restrictions import Note, Officer, ResidentId
from app.http.wire import Wire
from app.language import Language
from kyc.names.entity import Entity, Hit, Kind, Reason
from kyc.screening import standard
from kyc.screening.act import Act, Acted
from kyc.screening.alert import Alert, State
from kyc.screening.standard import Effect
from kyc.screening.subject import Subject

AlertId = Annotated[str, Meta(examples=["alert_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Source = Annotated[str, Meta(examples=["un"])]
_Entity = Annotated[str, Meta(examples=["6908555"], description="The entry's own id in its list.")]
_Name = Annotated[str, Meta(examples=["Kaspar Vollmond"])]
_Score = Annotated[int, Meta(ge=0, le=100, examples=[93])]
_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["9f" * 32])]
_Reason = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)", examples=["other_birth"])]


class ProposeAlertAct(Wire, frozen=True):
    """What an officer does to an alert, and why; `until` goes with `whitelist` alone."""

    act: Annotated[Act, Meta(examples=["clear"])]
    reason: _Reason
    until: Annotated[datetime | None, Meta(examples=[None])] = None
    note: Note = ""


class DecideAlertAct(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[True])]


class ActView(Wire, frozen=True, kw_only=True):
    """What one officer did or proposed and another one decided; `agreed` is null while it waits."""

    id: Annotated[str, Meta(examples=["alert_act_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    alert: AlertId
    resident: ResidentId
    act: Annotated[Act, Meta(examples=["clear"])]
    reason: _Reason
    until: Annotated[datetime | None, Meta(examples=[None])]
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])]
    decided_at: Annotated[datetime | None, Meta(examples=[None])]
    agreed: Annotated[bool | None, Meta(examples=[None])]
    note: Annotated[str | None, Meta(examples=[None])] = None

    @classmethod
    def of(cls, found: Acted, note: str | None = None) -> "ActView":
        """Show an act."""
        return cls(
            id=ids.show("alert_act", found.id),
            alert=ids.show("alert", found.alert),
            resident=ids.show("resident", found.resident),
            act=found.act,
            reason=found.reason,
            until=found.until,
            proposed_by=found.proposed_by,
            proposed_at=found.proposed_at,
            decided_by=found.decided_by,
            decided_at=found.decided_at,
            agreed=found.agreed,
            note=note,
        )


class ProposalList(Wire, frozen=True):
    """What waits for a second officer."""

    acts: list[ActView]


class AlertSummary(Wire, frozen=True, kw_only=True):
    """An alert in the queue: who, and which entry of which list. `grave` leaves hardly a doubt.

    `present` says whether it is so in the lists in force; `until` is the end of a whitelisting.
    """

    id: AlertId
    resident: ResidentId
    source: Source
    entity: _Entity
    name: _Name
    score: _Score
    grave: bool
    state: Annotated[State, Meta(examples=["open"])]
    present: bool
    until: Annotated[datetime | None, Meta(examples=[None])]
    raised_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, found: Alert) -> "AlertSummary":
        """Show an alert in the queue."""
        return cls(
            id=ids.show("alert", found.id),
            resident=ids.show("resident", found.resident),
            source=found.source,
            entity=found.entity,
            name=found.name,
            score=found.score,
            grave=found.grave,
            state=found.state,
            present=found.present,
            until=found.until,
            raised_at=found.raised_at,
            changed_at=found.changed_at,
        )


class AlertPage(Wire, frozen=True):
    """A page of the queue; `next_cursor` is absent on the last."""

    alerts: list[AlertSummary]
    next_cursor: str | None = None


class ScreenedPerson(Wire, frozen=True):
    """What the person's documents say, by which they were looked up."""

    names: Annotated[list[str], Meta(examples=[["KASPAR VOLLMOND"]])]
    born: Annotated[list[str], Meta(examples=[["1961-02-28"]])]
    nationalities: Annotated[list[str], Meta(examples=[["DEU"]])]
    sexes: Annotated[list[str], Meta(examples=[["M"]])]

    @classmethod
    def of(cls, subject: Subject) -> "ScreenedPerson":
        """Show whom was asked about."""
        asked = subject.asked
        return cls(
            names=sorted({each.name for each in asked}),
            born=sorted({each.born for each in asked if each.born}),
            nationalities=sorted({state for each in asked for state in each.nationalities}),
            sexes=sorted({each.sex for each in asked if each.sex}),
        )


class ListedEntity(Wire, frozen=True, kw_only=True):
    """What the list says. `sha256` is the digest of just that, whichever versions of the list it is in."""

    sha256: _Digest
    kind: Annotated[Kind, Meta(examples=["person"])]
    names: Annotated[list[str], Meta(examples=[["Kaspar Vollmond", "Casper Fullmoon"]])]
    born: Annotated[list[str], Meta(examples=[["1961-02-28"]])]
    nationalities: Annotated[list[str], Meta(examples=[["DEU"]])]
    sex: Annotated[str, Meta(examples=["M"])]
    programs: Annotated[list[str], Meta(examples=[["SDGT"]])]


class Sentence(Wire, frozen=True, kw_only=True):
    """One thing that was weighed, in words; `points` of 100 were added or taken."""

    code: Annotated[str, Meta(examples=["born.same"])]
    supports: bool
    points: int
    text: Annotated[str, Meta(examples=["The same day of birth: 1961-02-28."])]


class AlertView(AlertSummary, frozen=True, kw_only=True):
    """An alert with both sides. `person` is null of somebody erased.

    `effect` is what confirming it means: `freeze` by law, or a `risk` that is only ours; `basis` says by which rule.
    """

    publisher: Annotated[str, Meta(examples=["United Nations Security Council, consolidated list"])]
    effect: Annotated[Effect, Meta(examples=["freeze"])]
    basis: Annotated[str, Meta(examples=["UN Charter, article 41"])]
    list_version: _Digest
    rules: Annotated[str, Meta(examples=["screening@2026-11"])]
    person: ScreenedPerson | None
    listed: ListedEntity
    explanation: list[Sentence]
    acts: list[ActView]


def whole(
    about: Alert,
    entity: Entity,
    *,
    person: ScreenedPerson | None,
    sentences: list[Sentence],
    acts: list[ActView],
) -> AlertView:
    """Show all of an alert."""
    summary = AlertSummary.of(about)
    publisher = standard.publisher(about.source)
    listed = ListedEntity(
        sha256=about.listed.hex(),
        kind=entity.kind,
        names=[each.text for each in entity.names],
        born=list(entity.born),
        nationalities=list(entity.nationalities),
        sex=entity.sex,
        programs=list(entity.programs),
    )
    return AlertView(
        **{name: getattr(summary, name) for name in AlertSummary.__struct_fields__},
        publisher=publisher.title,
        effect=publisher.effect,
        basis=publisher.basis,
        list_version=about.list.hex(),
        rules=about.rules,
        person=person,
        listed=listed,
        explanation=sentences,
        acts=acts,
    )


def sentences(hit: Hit, language: Language) -> list[Sentence]:
    """Say in words what speaks for and against that a person and an entity are one."""
    told = [(reason, True) for reason in hit.supports] + [(reason, False) for reason in hit.contradicts]
    return [
        Sentence(code=reason.code, supports=supports, points=reason.points, text=_worded(reason, language))
        for reason, supports in told
    ]


def _worded(reason: Reason, language: Language) -> str:
    words = texts().get(reason.code) or texts()["other"]
    return words[language].format_map({"left": "", "right": "", "asked": "", "listed": "", **reason.params})


@cache
def texts() -> dict[str, dict[str, str]]:
    """Read the sentences by code and language."""
    return tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
