"""Documents shown by residents, stored as the API does it, without the API."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids, vault
from kyc import check, document, identify, lists
from kyc.check import Decision
from kyc.document import Stored
from kyc.identify import Reading
from kyc.lists import Entry
from kyc.trust import Trust
from proof.kms import FileKms, Kms
from simulators.passport import Authority, Passport
from tests.kyc.passports import AT, authority, passport, trusting


class Roles(Protocol):
    """Whoever has the login roles: the house, or a test's engines."""

    @property
    def api(self) -> AsyncEngine: ...

    @property
    def worker(self) -> AsyncEngine: ...


#: Keys for tests: nothing that is sealed here is opened by anybody else.
KMS = FileKms(Path("none"), {1: bytes(32)}, bytes(range(32)))
NOBODY = (Entry("1", ("Perpetua von Nirgendwo",), ("1983-11-05",)),)


def somebody() -> UUID:
    return uuid.uuid4()


def novel(*, by: Authority | None = None, **given: Any) -> Passport:  # noqa: ANN401  what passport() takes
    """Issue a passport of somebody who was never seen: tests share their database."""
    letters = uuid.uuid4().hex.upper().translate(str.maketrans("0123456789", "GHIJKLMNOP"))
    return passport(by, **{"number": letters[:9], "surname": letters[9:21], "given": letters[21:], **given})


def reading(shown: Passport) -> Reading:
    return Reading(shown.mrz, shown.sod, dict(shown.files))


async def put_in_force(
    engines: Roles, *entries: Entry, source: str = "agency", etag: str = '"1"', at: datetime = AT
) -> bool:
    """Put a list in force as the worker does."""
    async with db.transaction(engines.worker) as story:
        connection = await story()
        await connection.exec_driver_sql(
            "INSERT INTO kyc.list_source (source, due_at) VALUES (%s, now()) ON CONFLICT DO NOTHING", (source,)
        )
        return await lists.replace(
            connection, source, entries or NOBODY, etag=etag, at=at, due_at=at + timedelta(hours=1)
        )


async def show(
    engines: Roles,
    shown: Passport,
    *,
    by: UUID | None = None,
    believed: Trust | None = None,
    at: datetime = AT,
    kms: Kms = KMS,
) -> tuple[UUID, UUID, Decision]:
    """Show a document as `by`; gives who, which document, and the decision."""
    resident, document_id = by or somebody(), ids.new()
    read = reading(shown)
    examined = identify.examine(read, trusting(authority()) if believed is None else believed, at)
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, kms, resident, at)
        decision = await identify.store(
            connection,
            read,
            examined,
            document_id=document_id,
            resident=resident,
            seal=safe.seal,
            blind=kms.blind,
            at=at,
            actor=f"resident:{resident}",
        )
    return resident, document_id, decision


async def seen(engines: Roles, document_id: UUID, *, holder: UUID | None, audience: str = "resident") -> Stored | None:
    """Read a document as the API would for `holder`."""
    async with db.transaction(engines.api, holder=holder, audience=audience) as story:
        return await document.find(await story(), document_id)


def verdicts(stored: Stored | None) -> dict[str, str]:
    assert stored is not None
    return {finding.check: str(finding.verdict) for finding in stored.checks}


def params(stored: Stored | None) -> dict[str, dict[str, str]]:
    assert stored is not None
    return {finding.check: finding.params for finding in stored.checks}


def reasons(decision: Decision) -> tuple[str, ...]:
    return () if isinstance(decision, check.Identified) else msgspec.structs.asdict(decision)["reasons"]
