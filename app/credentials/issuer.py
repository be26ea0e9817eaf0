"""What a process issues credentials with. Keys come and go while it runs, so ask for them anew for each request.

It looks into the folder every few seconds, and at each new day: a leaf that was made, revoked or has begun signs or
stops signing in every process without a restart. What a retired leaf signed leads to the root as before.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app import clock
from app.credentials import signing_keys, verifiers
from app.credentials.entitlement import list_url
from app.credentials.key_place import Home
from app.credentials.signing_keys import Authority
from app.credentials.status_tokens import Noted, StatusTokens
from app.settings import Settings
from proof.hsm import Token
from proof.kms import Kms
from residency.credential.issuing import Issuer
from residency.credential.seal import Seal

_LOOK_AGAIN = timedelta(seconds=5)


def _unheard(_what: str, _kid: str, _times: int) -> None:
    """Let nobody hear of signatures: there is no log around who only looks at the keys."""


class Credentials:
    """Part of the house: the keys this process issues with, and the status lists it has signed."""

    def __init__(self, home: Home, *, noted: Noted = _unheard, now: Callable[[], datetime] = clock.real) -> None:
        """Open the keys; raises roots.RootKeyAbsent, roots.RootEnded, key_place.SignerAbsent."""
        self.home, self._now = home, now
        self.status_tokens = StatusTokens(lambda: (self.authority.statuses, self.authority.cose_statuses), noted)
        self._verifiers: dict[tuple[str, str, int], Seal] = {}
        self._looked_at = now()
        self._seen = self._sight(self._looked_at)
        self._authority = signing_keys.opened(home, at=self._looked_at)

    @classmethod
    def open(cls, settings: Settings, kms: Kms, noted: Noted) -> "Credentials":
        """Open the keys of the installation; `noted` hears of signatures that have no event."""
        return cls(home(settings, kms), noted=noted)

    @property
    def authority(self) -> Authority:
        """What is issued with now."""
        now = self._now()
        if now - self._looked_at >= _LOOK_AGAIN:
            self._looked_at = now
            # What opening makes is seen the next time, and opened once more.
            if (sight := self._sight(now)) != self._seen:
                self._authority, self._seen = signing_keys.opened(self.home, at=now), sight
        return self._authority

    def requests_of(self, actor: str, name: str) -> Seal:
        """Give what signs the requests of a verifier, which is registered as `name`."""
        by = self.authority
        key = (actor, name, by.requests.chain[0].serial_number)
        if (known := self._verifiers.get(key)) is not None:
            return known
        found = verifiers.seal(self.home, by, actor, name, at=self._now())
        if found is not by.requests:
            self._verifiers[key] = found
        return found

    @property
    def issuer(self) -> Issuer:
        """Who signs copies now."""
        held, url = self.authority, self.home.url
        return Issuer(url, held.documents, held.cose_documents, lambda one: list_url(url, one))

    def _sight(self, now: datetime) -> tuple[date, frozenset[Path]]:
        folder = self.home.folder
        return now.astimezone(UTC).date(), frozenset((*folder.glob("*.pem"), *folder.glob("*.revoked")))


def home(settings: Settings, kms: Kms) -> Home:
    """Say where the installation's keys and certificates are."""
    leaves, root = (_token(settings, label) for label in (settings.credential_token, settings.credential_root_token))
    folder = settings.keys / "credential"
    return Home.of(folder, url=settings.issuer, kms=kms, token=leaves, root_token=root)


def _token(settings: Settings, label: str | None) -> Token | None:
    if label is None:
        return None
    assert settings.pkcs11_module is not None, "the settings were refused without it"
    return Token(settings.pkcs11_module, label, lambda: settings.secret("pkcs11_pin") or "")
