"""Residents, officers and looks for tests of cases: reported as the rooms do it, without documents or lists."""

import hashlib
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from uuid import UUID

import psycopg
from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app import db, ids
from kyc import tables
from kyc.cases import case, claim, keeping, records, review
from kyc.cases.case import Case
from kyc.cases.decision import Decision
from kyc.cases.required import REQUIRED
from kyc.cases.review import Opinion
from kyc.check import Finding, Verdict
from tests import postgres

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
INPUTS = hashlib.sha256(b"what was looked at").digest()
FIRST, SECOND, THIRD, FOURTH = (UUID(int=0x0192F7D06A4B7C3E9F1A000000000000 + nth) for nth in range(1, 5))


class Roles(Protocol):
    """Whoever has the login roles."""

    @property
    def api(self) -> AsyncEngine: ...

    @property
    def worker(self) -> AsyncEngine: ...


def all_pass(**but: Verdict) -> list[Finding]:
    """Give a look of each required check; `but` names those that say something else, `__` for the dot."""
    other = {name.replace("__", "."): verdict for name, verdict in but.items()}
    names = (*REQUIRED["identity"], *(name for name in other if name not in REQUIRED["identity"]))
    return [Finding(name, other.get(name, Verdict.PASS)) for name in names]


def person(check: str, verdict: Verdict) -> Finding:
    return Finding(check, verdict)


async def shows(
    roles: Roles,
    resident: UUID,
    findings: Iterable[Finding],
    *,
    expires: date = date(2034, 1, 1),
    at: datetime = AT,
    sealed: Callable[[UUID], bytes] = lambda _: b"sealed",
) -> tuple[UUID, Decision]:
    """Let a resident show a document of which this is found; gives the document and what follows."""
    document = ids.new()
    async with db.transaction(roles.api, holder=resident, audience="resident") as story:
        connection = await story()
        shown = {"format": "TD3", "issuer": "UTO", "nationality_class": "foreign", "expires": expires}
        row = {"id": document, "resident": resident, "grade": "valid", "person": sealed(document), "at": at}
        await connection.execute(insert(tables.document).values(shown | row))
        decided = await records.add(
            connection,
            resident,
            list(findings),
            inputs=INPUTS,
            at=at,
            actor=f"resident:{resident}",
            document=document,
        )
    return document, decided


async def in_review(roles: Roles) -> UUID:
    """Let somebody show a document that officers have to look at; who that is."""
    resident = somebody()
    await shows(roles, resident, all_pass(chip__issuer_trusted=Verdict.REVIEW))
    return resident


async def reported(
    roles: Roles, resident: UUID, *findings: Finding, at: datetime = AT, document: UUID | None = None
) -> Decision:
    """Let a room of the worker report a look at the person, or at a document they showed before."""
    async with db.transaction(roles.worker) as story:
        return await records.add(
            await story(),
            resident,
            list(findings),
            inputs=INPUTS,
            at=at,
            actor="service:monitoring",
            document=document,
            shown=False,
        )


async def demanded(roles: Roles, resident: UUID, *checks: str) -> None:
    """Let a resident's own request write down what else is asked of them from now on."""
    async with db.transaction(roles.api, holder=resident, audience="resident") as story:
        await keeping.demand(await story(), resident, checks, at=AT, by=f"resident:{resident}")


async def stands(roles: Roles, resident: UUID) -> Case:
    """Read the case as the worker sees it."""
    async with db.transaction(roles.worker) as story:
        found = await case.of(await story(), resident)
    assert found is not None
    return found


def officer_says(officer: UUID, verdict: review.Verdict, reason: str | None = None) -> Opinion:
    return Opinion(id=ids.new(), officer=officer, verdict=verdict, reason=reason)


async def reviews(
    roles: Roles,
    resident: UUID,
    officer: UUID,
    verdict: review.Verdict,
    reason: str | None = None,
    *,
    at: datetime = AT,
) -> Case:
    """Let an officer claim a case and say something."""
    async with db.transaction(roles.api, audience="officer", actor=f"officer:{officer}") as story:
        connection = await story()
        held = await locked(connection, resident)
        await claim.take(connection, held, officer, id_=ids.new(), at=at)
        opinion = officer_says(officer, verdict, reason)
        return await review.give(connection, held, opinion, whole=True, at=at, now=at, by=f"officer:{officer}")


async def locked(connection: AsyncConnection, resident: UUID) -> Case:
    found = await case.of(connection, resident, locked=True)
    assert found is not None
    return found


async def granted(roles: Roles, resident: UUID, *, by: tuple[UUID, UUID] = (FIRST, SECOND), at: datetime = AT) -> Case:
    await reviews(roles, resident, by[0], review.Verdict.GRANT, at=at)
    return await reviews(roles, resident, by[1], review.Verdict.GRANT, at=at)


async def refused(
    roles: Roles,
    resident: UUID,
    *,
    reason: str = "not_confirmed",
    by: tuple[UUID, UUID] = (FIRST, SECOND),
    at: datetime = AT,
) -> Case:
    await reviews(roles, resident, by[0], review.Verdict.REFUSE, reason, at=at)
    return await reviews(roles, resident, by[1], review.Verdict.REFUSE, reason, at=at)


def alerted(owner: str, resident: UUID) -> None:
    """Raise an alert about somebody, with a list of one; as the owner, so no other rule of the room of alerts holds."""
    with psycopg.connect(postgres.libpq(owner)) as connection:
        connection.execute(
            "INSERT INTO kyc.listed_entity VALUES (sha256(%(body)s), 'agency', 'KZ-1', %(body)s)"
            " ON CONFLICT DO NOTHING",
            {"body": b"{}"},
        )
        connection.execute(
            "INSERT INTO kyc.list_snapshot VALUES (sha256(sha256(%(body)s)), 1, sha256(%(body)s), now())"
            " ON CONFLICT DO NOTHING",
            {"body": b"{}"},
        )
        connection.execute(
            """
            INSERT INTO kyc.alert (resident, source, entity, listed, list, name, score, matched, grave, rules, state,
                                   present, version, raised_at, changed_at)
            SELECT %s, 'agency', 'KZ-1', sha256(%s), digest, 'n', 90, sha256(random()::text::bytea), false, 'r@1',
                   'open', true, 1, now(), now()
            FROM kyc.list_snapshot LIMIT 1
            """,
            (resident, b"{}"),
        )


def lapsed(owner: str, resident: UUID) -> None:
    """Let every alert about somebody lapse, as when the name is taken off the list."""
    with psycopg.connect(postgres.libpq(owner)) as connection:
        connection.execute("UPDATE kyc.alert SET state = 'lapsed', present = false WHERE resident = %s", (resident,))


def somebody() -> UUID:
    return uuid.uuid4()


def later(days: int) -> datetime:
    return AT + timedelta(days=days)


async def outcomes(roles: Roles, resident: UUID) -> list[tuple[str, list[str]]]:
    """Read what each document of a resident is worth now, as other rooms ask it."""
    async with db.transaction(roles.worker) as story:
        rows = await (await story()).execute(
            text(
                "SELECT DISTINCT ON (document) outcome, reasons FROM kyc.decision WHERE resident = :resident"
                " ORDER BY document, version DESC"
            ),
            {"resident": resident},
        )
        return [(row.outcome, row.reasons) for row in rows]
