"""Settlement as officers see it: files, reports, breaks with their age, and how they would end."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.http import ids
from app.http.wire import MoneyWire, Wire
from cards.settlement.breaks import Aged, Agreed, Break, Kind, Proposal, Resolution
from cards.settlement.taking import File
from law.money import Currency, Money

FileId = Annotated[str, Meta(examples=["settlement_file_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
BreakId = Annotated[str, Meta(examples=["settlement_break_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
ProposalId = Annotated[str, Meta(examples=["settlement_proposal_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
Officer = Annotated[str, Meta(examples=["officer:0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70"])]
Evidence = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{1,12}(-[0-9]{1,12}){1,3}$(?!\n)",
        examples=["CASE-2026-0117"],
        description="Where the evidence is filed: a word in capitals and numbers.",
    ),
]
Sha256 = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$(?!\n)", examples=["3f79bb7b435b05321651daefd374cdc681dc06faa65e374e38337b88ca046dea"]
    ),
]


class FileView(Wire, frozen=True, kw_only=True):
    """A file: what the network says it comes to, and how far we are with it. `net` is what we pay."""

    id: FileId
    network: Annotated[str, Meta(examples=["mspk"])]
    link: Annotated[str, Meta(examples=["domestic"])]
    sequence: Annotated[int, Meta(ge=1, examples=[1])]
    business_date: date
    cutoff_at: datetime
    settles_on: date
    sha256: Sha256
    records: Annotated[int, Meta(ge=0, examples=[1])]
    debits: MoneyWire
    credits: MoneyWire
    interchange: MoneyWire
    fees: MoneyWire
    net: MoneyWire
    state: Annotated[str, Meta(examples=["reported"])]
    taken_at: datetime
    settled_at: datetime | None

    @classmethod
    def of(cls, found: File) -> "FileView":
        """Show a file."""

        def money(minor: int) -> MoneyWire:
            return MoneyWire.of(Money(minor, Currency.of(found.currency)))

        return cls(
            id=ids.show("settlement_file", found.id),
            network=found.network,
            link=found.link,
            sequence=found.sequence,
            business_date=found.business_date,
            cutoff_at=found.cutoff_at,
            settles_on=found.settles_on,
            sha256=found.sha256.hex(),
            records=found.records,
            debits=money(found.debits_minor),
            credits=money(found.credits_minor),
            interchange=money(found.interchange_minor),
            fees=money(found.fees_minor),
            net=money(found.net_minor),
            state=found.state,
            taken_at=found.taken_at,
            settled_at=found.settled_at,
        )


class FilePage(Wire, frozen=True):
    """A page of files, the newest first; `next_cursor` is absent on the last."""

    files: list[FileView]
    next_cursor: str | None = None


class ReportView(Wire, frozen=True):
    """The day's report as it was signed (compact JWS) and the hash of its canonical text; made again it is the same."""

    file_id: FileId
    sha256: Sha256
    jws: str
    at: datetime


class ProposalView(Wire, frozen=True, kw_only=True):
    """How an officer would end a break, and what was said to it."""

    id: ProposalId
    break_id: BreakId
    resolution: Annotated[Resolution, Meta(examples=["accept_network"])]
    evidence: Evidence
    proposed_by: Officer
    proposed_at: datetime
    decided_by: Annotated[str | None, Meta(examples=[None])] = None
    decided_at: Annotated[datetime | None, Meta(examples=[None])] = None
    agreed: Annotated[bool | None, Meta(examples=[None])] = None

    @classmethod
    def of(cls, found: Proposal) -> "ProposalView":
        """Show a proposal."""
        fields = msgspec.structs.asdict(found)
        shown = {"id": ids.show("settlement_proposal", found.id), "break_id": ids.show("settlement_break", found.about)}
        return cls(**{name: value for name, value in (fields | shown).items() if name != "about"})


class BreakView(Wire, frozen=True, kw_only=True):
    """A break: what the network says and what we booked; `difference` is how much more it took, below zero less."""

    id: BreakId
    file_id: FileId
    network: Annotated[str, Meta(examples=["mspk"])]
    kind: Annotated[Kind, Meta(examples=["amount_differs"])]
    record: Annotated[int | None, Meta(description="Its place in the file.", examples=[1])]
    payment_id: Annotated[str | None, Meta(examples=["payment_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    theirs: MoneyWire | None
    ours: MoneyWire | None
    difference: MoneyWire
    opened_at: datetime
    age_days: Annotated[int, Meta(ge=0, examples=[0])]
    owner: Annotated[str | None, Meta(examples=[None])]
    resolution: Annotated[Resolution | None, Meta(examples=[None])]
    resolved_at: datetime | None
    resolved_by: Annotated[str | None, Meta(examples=[None])]
    proposals: list[ProposalView]

    @classmethod
    def of(cls, found: Break, today: date, proposals: Sequence[Proposal] = ()) -> "BreakView":
        """Show a break."""

        def money(minor: int | None, currency: str | None) -> MoneyWire | None:
            return None if minor is None or currency is None else MoneyWire.of(Money(minor, Currency.of(currency)))

        return cls(
            id=ids.show("settlement_break", found.id),
            file_id=ids.show("settlement_file", found.file),
            network=found.network,
            kind=found.kind,
            record=found.no,
            payment_id=ids.show("payment", found.payment) if found.payment else None,
            theirs=money(found.theirs_minor, found.theirs_currency),
            ours=money(found.ours_minor, found.ours_currency),
            difference=MoneyWire(amount_minor=found.difference_minor, currency=found.currency),
            opened_at=found.opened_at,
            age_days=found.age_days(today),
            owner=found.owner,
            resolution=found.resolution,
            resolved_at=found.resolved_at,
            resolved_by=found.resolved_by,
            proposals=[ProposalView.of(each) for each in proposals],
        )


class BreakPage(Wire, frozen=True):
    """A page of breaks, the oldest first; `next_cursor` is absent on the last."""

    breaks: list[BreakView]
    next_cursor: str | None = None


class MissingView(Wire, frozen=True, kw_only=True):
    """A day of a network whose file should be here."""

    network: Annotated[str, Meta(examples=["mspk"])]
    link: Annotated[str, Meta(examples=["domestic"])]
    business_date: date
    expected_by: datetime


class MissingFiles(Wire, frozen=True):
    """What has not come, the longest expected first; of very many the first hundred."""

    files: list[MissingView]


class AgedView(Wire, frozen=True, kw_only=True):
    """The open breaks of a network and kind of one age; `to_days` null is without end."""

    network: Annotated[str, Meta(examples=["mspk"])]
    kind: Annotated[Kind, Meta(examples=["amount_differs"])]
    from_days: Annotated[int, Meta(ge=0, examples=[0])]
    to_days: Annotated[int | None, Meta(examples=[1])]
    breaks: Annotated[int, Meta(ge=1, examples=[1])]
    difference_minor: Annotated[int, Meta(examples=[100])]

    @classmethod
    def of(cls, found: Aged) -> "AgedView":
        """Show a bucket."""
        return cls(**msgspec.structs.asdict(found))


class AgesView(Wire, frozen=True):
    """Open breaks by age."""

    buckets: list[AgedView]


class ProposeResolution(Wire, frozen=True, kw_only=True):
    """How it ends: we accept what the network says and bear it, or it has corrected it beside its files."""

    resolution: Annotated[Agreed, Meta(examples=["accept_network"])]
    evidence: Evidence


class DecideResolution(Wire, frozen=True):
    """Whether the second officer agrees."""

    agree: Annotated[bool, Meta(examples=[False])]
