"""Vendors are asked about a face: leased, asked outside any transaction under a key of the session, asked again.

takes      kyc/papers/face.py        claim()
asks       app/partners/faces.py     Faces
settles    app/papers/faces.py       step()        <- you are here, a step of the worker
decides    kyc/papers/face.py        judge()
reports    kyc/cases/records.py      add()

Nobody but the vendor sees a picture; what stays of one is its digest. A vendor that did not answer is asked again, and
after TRIES_MAX a person looks, for nobody is approved or refused by silence.
"""

import asyncio
import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, vault
from app.access import Look, Purpose, Sees
from app.credentials import chip_files
from app.db import transaction
from app.house import House
from app.http import ids
from app.papers import scanning
from app.partners.faces import Faces
from app.vault import Vault
from kyc.cases import records
from kyc.papers import face, file
from kyc.papers.face import Due, Kind, Result, Score, Unknown
from kyc.papers.portrait import Portrait

ACTOR = "service:faces"
SIZE_MAX = 4
_LEASE = timedelta(seconds=60)
_BACKOFF_FIRST, _BACKOFF_MAX = timedelta(seconds=2), timedelta(minutes=10)
_DOUBLED_MAX = 12

_log = structlog.get_logger()


class Pictures(msgspec.Struct, frozen=True):
    """What is compared. Held while the vendor is asked, never logged."""

    portrait: bytes
    selfie: bytes

    def __repr__(self) -> str:
        return "Pictures()"

    def digests(self, kind: Kind) -> tuple[str, ...]:
        """Name what an answer of a kind is about."""
        seen = (self.portrait, self.selfie) if kind is Kind.MATCH else (self.selfie,)
        return tuple(hashlib.sha256(each).hexdigest() for each in seen)


async def step(house: House) -> int:
    """Have the faces judged that are due; answers how many sessions were tried."""
    if house.settings.faces_url is None:
        return 0
    now = clock.real()
    async with transaction(house.worker) as story:
        due = await face.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    await asyncio.gather(*(_try(house, each) for each in due))
    return len(due)


async def _try(house: House, due: Due) -> None:
    try:
        await _ask(house, due)
    except vault.Erased:  # nobody is left whose face it is
        await _later(house, due)
    except Exception as error:  # noqa: BLE001  one person's fault must not stop the others; it stays due
        _log.error("face_not_judged", error=type(error).__name__)
        await _later(house, due)


async def _ask(house: House, due: Due) -> None:
    """Ask both vendors at once for what is not known yet, keep what they say, and end the session or wait."""
    async with transaction(house.worker, actor=ACTOR, operation="faces") as story:
        db = await story()
        why = Look(sees=Sees.EVIDENCE, purpose=Purpose.SCREENING, about=due.id)
        keys = await vault.look(db, house.keys.kms, due.resident, why)
        pictures = await _pictures(db, keys, due)
        known = {each.kind for each in await face.results(db, due.id)}
        attempt = await face.attempts(db, await face.find(db, due.id))
    missing = [kind for kind in Kind if kind not in known]
    answers = await asyncio.gather(*(_score(house, due, kind, pictures) for kind in missing))
    found = [
        face.judge(kind, score, attempt=attempt, images=pictures.digests(kind))
        for kind, score in zip(missing, answers, strict=True)
        if score is not None
    ]
    await _settle(house, due, found)


async def _score(house: House, due: Due, kind: Kind, pictures: Pictures) -> Score | None:
    session = ids.show("face_session", due.id)
    vendor = Faces(house.settings, house.http)
    try:
        if kind is Kind.MATCH:
            return await vendor.compare(pictures.portrait, pictures.selfie, key=session)
        return await vendor.result(session, pictures.selfie)
    except Unknown as error:
        _log.warning("face_unknown", kind=str(kind), why=error.trouble, attempts=due.tries)
        return None


async def _settle(house: House, due: Due, found: list[Result]) -> None:
    """Keep every answer, and once all are there, or nobody will answer any more, say what follows."""
    async with transaction(house.worker, actor=ACTOR, operation="faces") as story:
        db = await story()
        for each in found:
            await face.record(db, due, each, at=story.now)
        results = await face.results(db, due.id)
        if len(results) < len(Kind) and due.tries < face.TRIES_MAX:
            await face.later(db, due, due_at=_next(due))
            return
        if not await face.end(db, due, face.follows(results), at=story.now, actor=ACTOR):
            return
        findings = face.findings(results, ids.show("face_session", due.id))
        inputs = hashlib.sha256(msgspec.msgpack.encode(results)).digest()
        await records.add(
            db,
            due.resident,
            findings,
            inputs=inputs,
            at=story.now,
            actor=ACTOR,
            document=due.document,
            shown=False,
        )


async def _pictures(db: AsyncConnection, keys: Vault, due: Due) -> Pictures:
    """Open the portrait of the chip and the selfie."""
    found, sealed = await file.content(db, due.selfie)
    selfie = keys.open(sealed, table=scanning.TABLE, column=scanning.COLUMN, row=found.id)
    return Pictures((await of_document(db, keys, due.document)).image, selfie)


async def of_document(db: AsyncConnection, keys: Vault, document: UUID) -> Portrait:
    """Open the portrait in a document's chip; raises kyc.papers.face.NoPortrait."""
    found = (await chip_files.of_document(db, keys, document)).portrait
    if found is None:
        raise face.NoPortrait
    return found


async def _later(house: House, due: Due) -> None:
    async with transaction(house.worker) as story:
        await face.later(await story(), due, due_at=_next(due))


def _next(due: Due) -> datetime:
    return clock.real() + min(_BACKOFF_FIRST * (1 << min(due.tries, _DOUBLED_MAX)), _BACKOFF_MAX)
