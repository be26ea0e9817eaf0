"""Documents shown by residents, stored as the API does it, without the API."""

import uuid
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from app import db, ids, vault
from kyc import document, identify
from kyc.cases import case, decision, records
from kyc.cases.decision import Outcome
from kyc.cases.required import REQUIRED, is_of_document
from kyc.chip.trust import Trust
from kyc.document import Stored
from kyc.identify import Reading
from proof.kms import FileKms, Kms
from simulators.passport import Authority, Passport
from tests.kyc.listing import in_force
from tests.kyc.passports import AT, authority, passport, trusting


class Roles(Protocol):
    """Whoever has the login roles: the house, or a test's engines."""

    @property
    def api(self) -> AsyncEngine: ...

    @property
    def worker(self) -> AsyncEngine: ...


#: What a document is worth, and each check it is not worth more for.
Worth = tuple[str, tuple[str, ...]]
IDENTIFIED: Worth = ("identified", ())
#: The checks a resident sees of a document that lacks nothing.
SEEN = frozenset(name for name in REQUIRED["identity"] if is_of_document(name))
_SAYS = {Outcome.APPROVE: "identified", Outcome.RETRY: "refused"}

#: Keys for tests: nothing that is sealed here is opened by anybody else.
KMS = FileKms(Path("none"), {1: bytes(32)}, bytes(range(32)))


def somebody() -> UUID:
    return uuid.uuid4()


def novel(*, by: Authority | None = None, **given: Any) -> Passport:  # noqa: ANN401  what passport() takes
    """Issue a passport of somebody who was never seen: tests share their database."""
    letters = uuid.uuid4().hex.upper().translate(str.maketrans("0123456789", "GHIJKLMNOP"))
    return passport(by, **{"number": letters[:9], "surname": letters[9:21], "given": letters[21:], **given})


def reading(shown: Passport) -> Reading:
    return Reading(shown.mrz, shown.sod, dict(shown.files))


async def show(
    engines: Roles,
    shown: Passport,
    *,
    by: UUID | None = None,
    believed: Trust | None = None,
    at: datetime = AT,
    kms: Kms = KMS,
) -> tuple[UUID, UUID, Worth]:
    """Show a document as `by`; gives who, which document, and what it is worth with every reason, told or not."""
    resident, document_id = by or somebody(), ids.new()
    read = reading(shown)
    examined = identify.examine(read, trusting(authority()) if believed is None else believed, at)
    lists = await in_force(engines)
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, kms, resident, at)
        await identify.store(
            connection,
            read,
            examined,
            document_id=document_id,
            resident=resident,
            safe=safe,
            blind=kms.blind,
            lists=lists,
            at=at,
            actor=f"resident:{resident}",
        )
    return resident, document_id, await worth(engines, resident, document_id)


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


async def worth(engines: Roles, resident: UUID, document_id: UUID) -> Worth:
    """Say what a document is worth, as the worker sees it."""
    async with db.transaction(engines.worker) as story:
        connection = await story()
        held = await case.of(connection, resident)
        assert held is not None
        follows = decision.worth(await records.latest(connection, held.id), document_id)
    return _SAYS.get(follows.outcome, "review"), follows.reasons
