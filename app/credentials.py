"""Where the resident's ID meets the other rooms: who may have one (residency), what it says (kyc), what signs it.

issue     app/http/wallet_openid/credential.py  ->  resident()  ->  residency/credential/issuing.py
follow    app/http/officer/statuses.py          ->  follow()    ->  residency/credential/life.py
"""

from datetime import datetime
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
from proof.kms import Kms
from residency import status
from residency.credential import life, metadata
from residency.credential.dataset import EResident
from residency.credential.issuing import Issuer
from residency.credential.life import Act, Reason
from residency.status import Kind, State, Status

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
        issuer = Issuer(url, metadata.vct(url), authority.documents, lambda one: list_url(url, one))
        return cls(authority, StatusTokens(authority.statuses), issuer)


def list_url(url: str, list_id: UUID) -> str:
    """Write where a status list of the issuer at `url` lives."""
    return f"{url}{LISTS_PATH}{ids.show('list', list_id)}"


async def resident(db: AsyncConnection, kms: Kms, holder: UUID, *, at: datetime) -> EResident:
    """Gather what the credential says of `holder`; raises NotEResident, NotIdentified, app.vault.Erased."""
    held = await e_resident(db, holder)
    who = await person.identified(db, kms, holder, calendar.statutory_date(at))
    letters = states.letters(who.nationality)
    return EResident(
        number=held.number,
        family_name=who.surname,
        given_name=who.given,
        birthdate=who.born,
        nationalities=(letters,) if letters else (),
        since=calendar.statutory_date(held.assigned_at),
        expires_on=None,  # the decree gives the status no term
    )


async def e_resident(db: AsyncConnection, holder: UUID) -> Status:
    """Give the status that the credential proves; raises NotEResident."""
    for held in await status.of_resident(db, holder):
        if (held.kind, held.state) == (Kind.E_RESIDENT, State.ACTIVE):
            return held
    raise standing.NotEResident


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
