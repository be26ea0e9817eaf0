"""Everybody is looked up again when a list changes, and when they show something new; what was clear may not stay so.

reads      app/monitoring.py          join()           who is new, or has shown more: what their documents say
looks      app/monitoring.py          step()           <- you are here, a step of the worker: a cohort at a time
finds      kyc/screening/rerun.py     screen()         on a thread; after a small change of a list by what changed
keeps      kyc/screening/cohort.py    looked()
reports    kyc/cases/records.py       add()            where something changed for somebody

Requests never hold the key of a cohort: they note that somebody is due, and the worker, which may look into a vault for
screening (app/access.py), reads the documents once and seals what they say under the cohort's key.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, ids, vault
from app.db import transaction
from app.house import House
from app.vault import Vault
from kyc.cases import records
from kyc.check import Finding
from kyc.document import Person as Said
from kyc.lists import edition
from kyc.screening import alert, cohort, looking, proof, rerun, standard
from kyc.screening.cohort import Cohort, Member, Waiting
from kyc.screening.matching import Key, Lists, Match
from kyc.screening.rerun import Person
from kyc.screening.subject import Subject
from proof import kms as kms_
from proof.kms import Wrapped

#: The operation by which the database hands the worker the keys of cohorts (migrations/versions/0032_kyc_screening.py).
OPERATION = "screening"
ACTOR = "service:monitoring"
_JOINS_AT_ONCE = 20
_PLACE = {"table": "kyc.screened", "column": "person"}


async def step(house: House) -> int:
    """Read the documents of a few people who are due, and look up one cohort; answers how many people that were."""
    await _renew(house)
    return await join(house) + await again(house)


async def join(house: House) -> int:
    """Let a few people who are due join a cohort, by what all of their documents say; answers how many."""
    async with transaction(house.worker, actor=ACTOR, operation=OPERATION) as story:
        db = await story()
        lists = await house.watchlist.current(db)
        if lists is None or await edition.missing(db):
            return 0  # nobody is looked up before each list came once; they stay due
        waiting = await cohort.waiting(db, _JOINS_AT_ONCE)
        for each in waiting:
            await _join(house, db, lists, each, story.now)
    return len(waiting)


async def again(house: House) -> int:
    """Look up the members of one cohort that is behind; answers how many they are."""
    async with transaction(house.worker, actor=ACTOR, operation=OPERATION) as story:
        db = await story()
        lists = await house.watchlist.current(db)
        behind = await cohort.take(db, lists.edition.number) if lists else None
        if lists is None or behind is None:
            return 0
        members = await cohort.members(db, behind.id)
        known = await cohort.known(db, behind.id)
        delta = await house.watchlist.since(db, behind.edition, lists)
        # Where a list never came there is still no answer.
        silent = frozenset() if await edition.missing(db) else await cohort.unanswered(db, behind.id)
        people = await asyncio.to_thread(_opened, house, behind, members, known)
        found = await asyncio.to_thread(rerun.screen, lists, people, house.keys.kms.blind, delta)
        leaves = []
        for person, member in zip(people, members, strict=True):
            matches = found[person.resident]
            digest = rerun.found(person, matches)
            leaves.append(proof.leaf(person.resident, lists.edition.number, member.asked, digest))
            touched = matches is not None and (matches or person.known)
            if touched or person.resident in silent:
                await _settle(db, lists, member, matches, anew=person.resident in silent, at=story.now)
        hits = sum(1 for each in people if found[each.resident] or (found[each.resident] is None and each.known))
        number = lists.edition.number
        await cohort.looked(db, behind.id, edition=number, leaves=leaves, found=hits, at=story.now)
    return max(len(members), 1)


async def report(
    db: AsyncConnection, resident: UUID, finding: Finding, *, asked: bytes, at: datetime, actor: str = ACTOR
) -> None:
    """Tell a person's case what a look found. `asked` digests whom we asked about: a name could be guessed back."""
    inputs = hashlib.sha256(asked + finding.params.get("edition", "").encode()).digest()
    await records.add(db, resident, [finding], inputs=inputs, at=at, actor=actor)


async def _renew(house: House) -> None:
    """Begin another edition where the rules are others than those of the newest."""
    async with transaction(house.worker) as story:
        newest = await edition.newest(await story())
        if newest is not None and newest.rules != standard.RULES:
            await edition.issue(await story(), at=story.now, rules=standard.RULES)


async def _join(house: House, db: AsyncConnection, lists: Lists, waiting: Waiting, at: datetime) -> None:
    try:
        safe = await vault.look(db, house.keys.kms, waiting.resident, access.SCREENING)
    except vault.Erased:  # nobody is left to be looked up
        await cohort.forget(db, waiting.resident)
        return
    subject = Subject.of([_said(safe, *row) for row in await cohort.shown(db, waiting.documents)])
    into = await _place(house, db, waiting, lists, at)
    blind = house.keys.kms.blind
    before = await alert.standing(db, waiting.resident)
    finding = await looking.look(
        db, lists, subject, resident=waiting.resident, blind=blind, at=at, actor=ACTOR, whole=True
    )
    asked = proof.asked(subject, blind)
    sealed = Vault(_key(house, into)).seal(subject.written(), row=waiting.resident, **_PLACE)
    member = Member(waiting.resident, sealed, asked)
    first = not await cohort.looked_since(db, waiting.resident, waiting.shown_at)
    if first or before != await alert.standing(db, waiting.resident):
        await report(db, waiting.resident, finding, asked=asked, at=at)
    await cohort.join(
        db,
        member,
        into.id,
        edition=lists.edition.number,
        known=waiting.cohort is not None,
        read=len(waiting.documents),
    )


async def _place(house: House, db: AsyncConnection, waiting: Waiting, lists: Lists, at: datetime) -> Cohort:
    """Give the cohort that a person is in or joins: one with room, or a new one."""
    if waiting.cohort is not None:
        return await cohort.find(db, waiting.cohort)
    if (found := await cohort.with_room(db)) is not None:
        return found
    id_ = ids.new()
    wrapped = house.keys.kms.wrap(kms_.new_data_key(), _owner(id_))
    made = Cohort(id_, lists.edition.number, wrapped.version, wrapped.blob)
    await cohort.make(db, made, at=at)
    return made


async def _settle(
    db: AsyncConnection, lists: Lists, member: Member, matches: Sequence[Match] | None, *, anew: bool, at: datetime
) -> None:
    """Bring alerts in line with `matches`, None where they are as before; `anew` reports what did not change, too."""
    if matches is None:
        stand = await alert.standing(db, member.resident)
    else:
        stand = await alert.settle(db, member.resident, matches, whole=member.whole, at=at, actor=ACTOR)
    if anew or alert.changed(stand):
        finding = alert.finding(stand, lists.edition)
        await report(db, member.resident, finding, asked=member.asked, at=at)


def _opened(
    house: House, of: Cohort, members: Sequence[Member], known: Mapping[UUID, Mapping[Key, bytes]]
) -> list[Person]:
    """Open what the members' documents say; the key is unwrapped once for all of them."""
    safe = Vault(_key(house, of))
    nothing: Mapping[Key, bytes] = {}
    return [
        Person(
            resident=each.resident,
            subject=Subject.read(safe.open(each.person, row=each.resident, **_PLACE)),
            known=known.get(each.resident, nothing),
        )
        for each in members
    ]


def _key(house: House, of: Cohort) -> bytes:
    return house.keys.kms.unwrap(Wrapped(of.kek_version, of.wrapped), _owner(of.id))


def _owner(cohort_id: UUID) -> str:
    return f"cohort:{cohort_id}"


def _said(safe: Vault, document: UUID, sealed: bytes) -> Said:
    opened = safe.open(sealed, table="kyc.document", column="person", row=document)
    return msgspec.json.decode(opened, type=Said)
