"""Residents by number: the same people each time, for demonstrations and for whoever tests from outside.

Each passes through the verbs of the rooms as a real one would — identified, applied, approved by two officers, given a
wallet and money — except that nobody read a passport: each of its check records says that the sandbox passed it.
"""

import asyncio
import hashlib
from datetime import date
from uuid import UUID, uuid5

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, applicant, clock, db, ids, money, pipeline, standing, vault
from app.account import consent, purposes
from app.auth import mint, session
from app.auth.mint import NotHere
from app.db import Story
from app.house import House
from app.language import Language
from app.payments import payee
from kyc import check, document
from kyc.cases.required import REQUIRED
from kyc.check import Finding
from kyc.mrz import Birth, Mrz
from law.calendar import statutory_date
from law.money import KZT, Money
from law.seed import THRESHOLDS
from residency import application, filing, review
from residency.application import Application
from residency.case import State
from residency.service import Answers
from wallet import account
from wallet.account import NoWallet, Purpose
from wallet.transfer import AccountId, Post, TransferId

#: The namespace of seeded people: the same number is the same person, document and wallet in every installation.
PEOPLE = UUID("0192f7d0-6a4b-7c3e-9000-65726573696d")
_ACTOR = "system:seed"
_SERVICE = "eresidency.assign"
_EXPIRES = date(2036, 10, 31)
_LOOK_AGAIN_S = 0.05
_GIVEN = ("AYSE", "ARJUN", "LUCIA", "TOMAS", "NOOR", "BEKZOD", "MEI LIN", "KENJI", "OLENA", "PIERRE")
_SURNAMES = ("DEMIR", "RAO", "FERRER", "NOVAK", "SAAD", "KARIMOV", "TAN", "MORI", "KOVAL", "DURAND")
_STATES = ("TUR", "IND", "ESP", "CZE", "JOR", "UZB", "SGP", "JPN", "UKR", "FRA")
OFFICERS = (uuid5(PEOPLE, "officer-1"), uuid5(PEOPLE, "officer-2"))
BALANCE = Money(1_000_000_00, KZT)


class Seeded(msgspec.Struct, frozen=True):
    """A resident who is ready: subject and wallet as the API shows neither, and a token that speaks for them."""

    number: int
    subject: UUID
    wallet: UUID
    access_token: str
    expires_in: int


async def residents(house: House, count: int, *, start: int = 1, balance: Money = BALANCE) -> list[Seeded]:
    """Make residents `start` … `start + count - 1`, or find those that are there; each with `balance` once."""
    if not house.settings.virtual:
        raise NotHere
    found = [await _resident(house, number) for number in range(start, start + count)]
    for seeded in found:
        home = await house.money.wallet(seeded.subject)
        source = await house.money.operator(Purpose.SANDBOX, lane=home.lane)
        move = Post(
            id=TransferId(ids.new()),
            debit=source,
            credit=AccountId(seeded.wallet),
            money=balance,
            code="sandbox.funding",
        )
        claim = money.claim(_ACTOR, f"fund/{seeded.subject}", None)
        await house.money.move([move], lanes=[home.lane], claim=claim, render=money.plainly)
    return found


async def _resident(house: House, number: int) -> Seeded:
    """Go on from wherever an earlier run left this resident."""
    subject = uuid5(PEOPLE, str(number))
    async with db.transaction(house.api, holder=subject, audience="service") as story:
        minted = await mint.mint(story, house.settings, house.door, role="resident", of=subject, now=clock.real())
        await _apply(story, house, subject, number)
    await _checked(house, subject)
    first = f"officer:{OFFICERS[0]}"
    async with db.transaction(house.api, holder=subject, audience="officer", actor=first, operation="seed") as story:
        await _approve(story, house, subject)
    async with db.transaction(house.api, holder=subject, audience="service") as story:
        wallet = await _wallet(story, house, subject, number)
    return Seeded(number, subject, wallet, minted.access_token, minted.expires_in)


async def _apply(story: Story, house: House, subject: UUID, number: int) -> None:
    connection, now = await story(), story.now
    if await _application(connection, subject) is not None:
        return
    await _agree(story, subject)
    await _identify(story, house, subject, number)
    draft = await filing.begin(connection, subject, _SERVICE, at=now, by=_ACTOR, thresholds=THRESHOLDS)
    answers: Answers = {"purpose": "other", "data_consent": True, "rules_accepted": True}
    answered = await filing.answer(connection, await application.lock(connection, draft.id), answers)
    await filing.submit(connection, answered, at=now, by=_ACTOR, thresholds=THRESHOLDS)


async def _agree(story: Story, subject: UUID) -> None:
    """Agree to every purpose, as the app asks before the application."""
    connection, now = await story(), story.now
    [*_, asked_in] = await session.listed(connection, subject, clock.real())
    where = consent.Where(asked_in.client_id, asked_in.id)
    for purpose in purposes.catalogue():
        words = consent.Words(purpose, purposes.of(purpose).text(statutory_date(now)).sha256(Language.EN), Language.EN)
        await consent.give(connection, subject, words, where, at=now)


async def _checked(house: House, subject: UUID) -> None:
    """Run the pipeline until it has looked at this application, here or in the worker."""
    while True:
        async with db.transaction(house.worker) as story:
            filed = await _application(await story(), subject)
        if filed is None or filed.state not in {State.SUBMITTED, State.CHECKING}:
            return
        if not await pipeline.step(house):
            await asyncio.sleep(_LOOK_AGAIN_S)


async def _approve(story: Story, house: House, subject: UUID) -> None:
    connection, now = await story(), story.now
    filed = await _application(connection, subject)
    assert filed is not None, "applied above"
    moved = await application.lock(connection, filed.id)
    if moved.state not in {State.IN_REVIEW, State.SECOND_REVIEW}:
        return
    why = access.case(moved.id, waiting=True)
    who = await applicant.find(connection, house.keys.kms, subject, statutory_date(now), why)
    assert who is not None, "identified above"
    for officer in OFFICERS:
        opinion = review.Opinion(officer=officer, verdict=review.Verdict.APPROVE)
        known = applicant.proven(who, now)
        moved = await review.give(connection, moved, opinion, person=known, at=now, by=f"officer:{officer}")


async def _wallet(story: Story, house: House, subject: UUID, number: int) -> UUID:
    connection = await story()
    try:
        return (await account.wallet(connection, subject)).account
    except NoWallet:
        await standing.require_e_resident(connection, subject)
        wallet = _id("wallet", number)
        opened = await account.open_wallet(
            connection,
            holder=subject,
            account=wallet,
            lane=await account.newcomers_lane(connection, wallet),
            actor=_ACTOR,
            at=story.now,
        )
        await payee.introduce(connection, house, subject, actor=_ACTOR, at=story.now)
        return opened


async def _application(connection: AsyncConnection, subject: UUID) -> Application | None:
    found = await application.of_resident(connection, subject, before=None, limit=1)
    return found[0] if found else None


async def _identify(story: Story, house: House, subject: UUID, number: int) -> None:
    connection, now = await story(), story.now
    keys = await vault.of(connection, house.keys.kms, subject, now)
    zone, scanned = person(number), _id("document", number)
    plain = msgspec.json.encode(document.Person.of(zone))
    scan = document.Scan(
        id=scanned,
        resident=subject,
        zone=zone,
        grade="valid",
        person=keys.seal(plain, table="kyc.document", column="person", row=scanned),
        files=keys.seal(b"{}", table="kyc.evidence", column="files", row=scanned),
        inputs=hashlib.sha256(plain).digest(),
        at=now,
        actor=_ACTOR,
    )
    passed = [Finding(name, check.Verdict.PASS, {"by": "sandbox"}) for name in REQUIRED["identity"]]
    await document.store(connection, scan, passed)


def _id(what: str, number: int) -> UUID:
    """Make the id of what seeded resident `number` has; shaped like one made long ago, so that real ones come after."""
    own = uuid5(PEOPLE, f"{what}-{number}").int & (1 << 76) - 1
    return UUID(int=PEOPLE.int >> 76 << 76 | own)


def person(number: int) -> Mrz:
    """Make up the passport of resident `number`: fictional, and the same for the same number."""
    return Mrz(
        format="TD3",
        document_code="P",
        issuer=_STATES[number % 10],
        surname=_SURNAMES[number % 10],
        given=_GIVEN[(number // 10) % 10],
        truncated=False,
        number=f"S{number:08d}",
        nationality=_STATES[number % 10],
        born=Birth(year=1990, month=1, day=1),
        sex="F" if number % 2 else "M",
        expires=_EXPIRES,
        optional="",
    )
