"""People as documents say them, who show these as the API has them shown; keys that open nothing of anybody else."""

import uuid
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import db, ids, vault
from app.house import House
from app.watchlist import Watchlist
from kyc import document
from kyc.cases.required import REQUIRED
from kyc.check import Finding, Verdict
from kyc.document import Person, Scan
from kyc.lists import snapshot
from kyc.mrz import Birth, Mrz
from kyc.names.entity import Query
from kyc.screening import looking, matching, standard
from kyc.screening.alert import Alert
from kyc.screening.matching import Blind, Lists
from kyc.screening.subject import Subject
from proof.kms import FileKms

KMS = FileKms(Path("none"), {1: bytes(32)}, bytes(range(32)))
BLIND = KMS.blind


class Thorough(Watchlist):
    """Has everybody looked up in everything."""

    async def since(self, db: AsyncConnection, before: int, now: Lists) -> None:  # noqa: ARG002  nothing is saved
        return None


def somebody() -> UUID:
    return uuid.uuid4()


def said(given: str, surname: str, born: str = "1990-01-01", *, nationality: str = "D", sex: str = "M") -> Person:
    return Person(surname=surname, given=given, born=born, sex=sex, nationality=nationality, number="X1")


async def show(house: House, resident: UUID, person: Person) -> Finding:
    """Let somebody show a genuine document that says this; gives what the lists had to say."""
    async with db.transaction(house.api, holder=resident, audience="resident") as story:
        connection, shown, actor = await story(), ids.new(), f"resident:{resident}"
        lists = await house.watchlist.current(connection)
        blind = house.keys.kms.blind
        looked = await looking.look(
            connection, lists, Subject.of([person]), resident=resident, blind=blind, at=story.now, actor=actor
        )
        safe = await vault.of(connection, house.keys.kms, resident, story.now)
        plain = msgspec.json.encode(person)
        scan = Scan(
            id=shown,
            resident=resident,
            zone=zone(person),
            grade="valid",
            person=safe.seal(plain, table="kyc.document", column="person", row=shown),
            files=safe.seal(b"{}", table="kyc.evidence", column="files", row=shown),
            inputs=bytes(32),
            at=story.now,
            actor=actor,
        )
        passed = [Finding(name, Verdict.PASS) for name in REQUIRED["identity"] if name != standard.CHECK]
        await document.store(connection, scan, [*passed, looked])
    return looked


def zone(person: Person) -> Mrz:
    return Mrz(
        format="TD3",
        document_code="P",
        issuer=person.nationality,
        surname=person.surname,
        given=person.given,
        truncated=False,
        number=person.number,
        nationality=person.nationality,
        born=Birth.read(person.born),
        sex=person.sex,
        expires=date(2036, 1, 1),
        optional="",
    )


async def met(connection: AsyncConnection, found: Alert, candidates: list[Query], blind: Blind) -> Query:
    """Say by which of these questions an alert came to be."""
    entity = await snapshot.find(connection, found.listed)
    return next(each for each in candidates if matching.identity(each, entity, found.name, blind) == found.matched)
