"""Where the resident's ID meets the other rooms: who may have one (residency), what it says (kyc), what signs it.

issue     app/http/wallet_openid/credential.py  ->  resident()  ->  residency/credential/issuing.py
follow    app/http/officer/statuses.py          ->  follow()    ->  residency/credential/life.py
"""

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock, credential_keys, person, standing
from app.credential_keys import Authority
from app.http import ids
from app.settings import Settings
from app.status_tokens import StatusTokens
from kyc import states
from law import calendar
from law.seed import THRESHOLDS
from proof.kms import Kms
from residency import status
from residency.credential import life
from residency.credential.dataset import Kind, Resident
from residency.credential.issuing import Issuer
from residency.credential.life import Act, Reason
from residency.status import State, Status

LISTS_PATH = "/status-lists/"


class Credentials(msgspec.Struct, frozen=True):
    """Part of the house: the keys this process issues with, and the status lists it has signed."""

    authority: Authority
    status_tokens: StatusTokens
    issuer: Issuer

    @classmethod
    def open(cls, settings: Settings) -> "Credentials":
        """Open the keys of the installation; raises app.credential_keys.RootKeyAbsent."""
        url = settings.issuer
        authority = credential_keys.opened(settings.keys / "credential", url=url, at=clock.real())
        issuer = Issuer(url, authority.documents, authority.cose_documents, lambda one: list_url(url, one))
        return cls(authority, StatusTokens(authority.statuses, authority.cose_statuses), issuer)


def list_url(url: str, list_id: UUID) -> str:
    """Write where a status list of the issuer at `url` lives."""
    return f"{url}{LISTS_PATH}{ids.show('list', list_id)}"


class NotAltyn(Exception):
    """The resident ID is for holders of an Altyn visa, and the caller has none now (D2.6)."""


def offered(on: date) -> tuple[Kind, ...]:
    """Name the documents that are issued on the day `on`: the resident ID only while its rule is in force (D2.6)."""
    in_force = THRESHOLDS.find("altyn.resident_id", on) is not None
    return (Kind.E_RESIDENT, Kind.RESIDENT_ID) if in_force else (Kind.E_RESIDENT,)


async def resident(db: AsyncConnection, kms: Kms, holder: UUID, kind: Kind, *, at: datetime) -> Resident:
    """Gather what a document says of `holder`.

    Raises NotEResident, NotAltyn, law.threshold.NotInForce, app.person.NotIdentified, app.vault.Erased.
    """
    held = await entitled(db, holder, kind, at=at)
    who = await person.identified(db, kms, holder, calendar.statutory_date(at))
    letters = states.letters(who.nationality)
    return Resident(
        number=held.number,
        family_name=who.surname,
        given_name=who.given,
        birthdate=who.born,
        nationalities=(letters,) if letters else (),
        since=calendar.statutory_date(held.assigned_at),
        expires_on=None,  # the decree gives the status no term
    )


async def entitled(db: AsyncConnection, holder: UUID, kind: Kind, *, at: datetime) -> Status:
    """Give the status that a document proves; raises NotEResident, NotAltyn, law.threshold.NotInForce."""
    if kind is Kind.RESIDENT_ID:
        THRESHOLDS.at("altyn.resident_id", calendar.statutory_date(at))
    for held in await status.of_resident(db, holder):
        if (held.kind, held.state) == (_PROVES[kind], State.ACTIVE):
            return held
    raise standing.NotEResident if kind is Kind.E_RESIDENT else NotAltyn


#: The status each document is proof of.
_PROVES = {Kind.E_RESIDENT: status.Kind.E_RESIDENT, Kind.RESIDENT_ID: status.Kind.ALTYN}


#: What a change of the status does to the credentials that prove it.
_FOLLOWS = {
    State.ACTIVE: (Act.RESTORE, Reason.STATUS_RESTORED),
    State.SUSPENDED: (Act.SUSPEND, Reason.STATUS_SUSPENDED),
    State.REVOKED: (Act.REVOKE, Reason.STATUS_REVOKED),
}


async def follow(db: AsyncConnection, changed: Status, *, actor: str, at: datetime) -> None:
    """Let the credentials of a resident follow a status that was changed, in the transaction that changes it."""
    act, reason = _FOLLOWS[changed.state]
    await life.act_on_all(db, changed.resident, act, reason=reason, actor=actor, at=at)
