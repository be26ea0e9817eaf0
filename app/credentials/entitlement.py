"""Where the resident's ID meets the other rooms: who may have one (residency), what it says (kyc), what signs it.

issue    app/http/wallet_openid/credential.py   ->   resident()   ->   residency/credential/issuing.py
renew    app/credentials/renewing.py            ->   sources()    ->   residency/credential/renewal.py
follow   app/http/officer/statuses.py           ->   follow()     ->   residency/credential/life.py
         app/credentials/renewing.py            ->   catch_up()   ->   residency/credential/life.py

A document says what is known and nothing else: names as in the passport's MRZ, in own letters where its chip has them,
the place of birth and the portrait of the chip, an IIN where the resident named one that nobody else came with first.
"""

import asyncio
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import person, standing, vault
from app.credentials import chip_files, likeness
from app.credentials.chip_files import Chip
from app.http import ids
from app.vault import Vault
from kyc import states
from kyc.identifiers import own
from law import calendar
from law.seed import THRESHOLDS
from law.threshold import Thresholds
from proof.kms import Kms
from residency import status
from residency.credential import life, renewal
from residency.credential.dataset import Kind, Place, Resident, Sources
from residency.credential.life import Act, Reason
from residency.status import State, Status

LISTS_PATH = "/status-lists/"
_RULE = "altyn.resident_id"


def list_url(url: str, list_id: UUID) -> str:
    """Write where a status list of the issuer at `url` lives."""
    return f"{url}{LISTS_PATH}{ids.show('list', list_id)}"


class NotAltyn(Exception):
    """The resident ID is for holders of an Altyn visa, and the caller has none now (D2.6)."""


class Said(msgspec.Struct, frozen=True):
    """What a document would say of somebody today, and the chip it was read from."""

    resident: Resident
    chip: Chip


def offered(on: date, rules: Thresholds = THRESHOLDS) -> tuple[Kind, ...]:
    """Name the documents that are issued on the day `on`: the resident ID only while its rule is in force (D2.6)."""
    in_force = rules.find(_RULE, on) is not None
    return (Kind.E_RESIDENT, Kind.RESIDENT_ID) if in_force else (Kind.E_RESIDENT,)


async def resident(db: AsyncConnection, kms: Kms, holder: UUID, kind: Kind, *, at: datetime) -> Resident:
    """Gather what a document says of `holder`.

    Raises NotEResident, NotAltyn, law.threshold.NotInForce, app.person.NotIdentified, app.vault.Erased.
    """
    return (await said(db, kms, holder, kind, at=at)).resident


async def to_issue(db: AsyncConnection, kms: Kms, holder: UUID, kind: Kind, *, at: datetime) -> Resident:
    """Gather what is signed in this transaction: the status and the identity that it proves stand until that ends.

    Raises as resident().
    """
    await status.keep(db, holder)
    await renewal.still(db, holder)
    return await resident(db, kms, holder, kind, at=at)


async def said(
    db: AsyncConnection, kms: Kms, holder: UUID, kind: Kind, *, at: datetime, rules: Thresholds = THRESHOLDS
) -> Said:
    """Gather what a document says of `holder`, and from what; raises as resident()."""
    held = await entitled(db, holder, kind, at=at, rules=rules)
    rests_on = await sources(db, holder, at=at)
    keys = await vault.existing(db, kms, holder)
    who = await person.said(db, keys, rests_on.document)
    chip = await chip_files.of_document(db, keys, rests_on.document)
    letters = states.letters(who.nationality)
    facts = Resident(
        number=held.number,
        family_name=who.surname,
        given_name=who.given,
        birthdate=who.born,
        nationalities=(letters,) if letters else (),
        since=calendar.statutory_date(held.assigned_at),
        expires_on=last_day(kind, calendar.statutory_date(at), rules),
        national_family_name=chip.personal.surname,
        national_given_name=chip.personal.given,
        birth_place=_place(chip),
        portrait=await asyncio.to_thread(likeness.jpeg, chip.portrait) if chip.portrait else None,
        iin=await _iin(db, keys, rests_on.iin) if rests_on.iin else None,
        sources=rests_on,
    )
    return Said(facts, chip)


def last_day(kind: Kind, on: date, rules: Thresholds = THRESHOLDS) -> date | None:
    """Say until when a document is good that is issued on the day `on`: the decree gives the statuses no term.

    A resident ID ends with its rule, where an act has repealed that by then.
    """
    rule = rules.find(_RULE, on) if kind is Kind.RESIDENT_ID else None
    return rule.repealed_on - timedelta(days=1) if rule is not None and rule.repealed_on is not None else None


async def sources(db: AsyncConnection, holder: UUID, *, at: datetime) -> Sources:
    """Name what a document made now would rest on; raises app.person.NotIdentified."""
    shown = await person.document(db, holder, calendar.statutory_date(at))
    return Sources(shown, await own.iin(db, holder))


def _place(chip: Chip) -> Place | None:
    told = chip.personal.birth_place
    return Place(told.country, told.region, told.locality) if told else None


async def _iin(db: AsyncConnection, keys: Vault, identifier: UUID) -> str:
    sealed = await own.sealed(db, identifier)
    return keys.open(sealed, table="kyc.identifier", column="value", row=identifier).decode()


async def entitled(
    db: AsyncConnection, holder: UUID, kind: Kind, *, at: datetime, rules: Thresholds = THRESHOLDS
) -> Status:
    """Give the status that a document proves; raises NotEResident, NotAltyn, law.threshold.NotInForce."""
    if kind is Kind.RESIDENT_ID:
        rules.at(_RULE, calendar.statutory_date(at))
    for held in await status.of_resident(db, holder):
        if (held.kind, held.state) == (PROVES[kind], State.ACTIVE):
            return held
    raise standing.NotEResident if kind is Kind.E_RESIDENT else NotAltyn


#: The status each document is proof of.
PROVES = {Kind.E_RESIDENT: status.Kind.E_RESIDENT, Kind.RESIDENT_ID: status.Kind.ALTYN}


#: What a change of the status does to the credentials that prove it.
_FOLLOWS = {
    State.ACTIVE: (Act.RESTORE, Reason.STATUS_RESTORED),
    State.SUSPENDED: (Act.SUSPEND, Reason.STATUS_SUSPENDED),
    State.REVOKED: (Act.REVOKE, Reason.STATUS_REVOKED),
}


async def follow(db: AsyncConnection, changed: Status, *, actor: str, at: datetime) -> None:
    """Let the credentials that prove a status follow its change, in the transaction that makes it."""
    act, reason = _FOLLOWS[changed.state]
    proves = {status_kind: kind for kind, status_kind in PROVES.items()}
    await life.act_on_all(db, changed.resident, act, of=proves[changed.kind], reason=reason, actor=actor, at=at)


async def catch_up(db: AsyncConnection, holder: UUID, kind: Kind, *, actor: str, at: datetime) -> bool:
    """Let the credentials of one kind follow a status that gives no right to them; False where it does.

    A second look: whoever changes a status follows it, and whoever issues keeps it (`to_issue`).
    """
    states = {each.state for each in await status.of_resident(db, holder) if each.kind is PROVES[kind]}
    if State.ACTIVE in states:
        return False
    act, reason = _FOLLOWS[State.SUSPENDED if State.SUSPENDED in states else State.REVOKED]
    await life.act_on_all(db, holder, act, of=kind, reason=reason, actor=actor, at=at)
    return True
