"""What a process issues credentials with. Keys come and go while it runs, so ask for them anew for each request.

It looks into the folder every few seconds, and at each new day: a leaf that was made, revoked or has begun signs or
stops signing in every process without a restart. What a retired leaf signed leads to the root as before.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from app import clock
from app.credentials import signing_keys
from app.credentials.entitlement import list_url
from app.credentials.signing_keys import Authority, Home
from app.credentials.status_tokens import StatusTokens
from app.settings import Settings
from proof.hsm import Token
from proof.kms import Kms
from residency.credential.issuing import Issuer

_LOOK_AGAIN = timedelta(seconds=5)


class Credentials:
    """Part of the house: the keys this process issues with, and the status lists it has signed."""

    def __init__(self, home: Home, *, now: Callable[[], datetime] = clock.real) -> None:
        """Open the keys; raises signing_keys.RootKeyAbsent, app.credentials.key_place.SignerAbsent."""
        self.home, self._now = home, now
        self.status_tokens = StatusTokens(lambda: (self.authority.statuses, self.authority.cose_statuses))
        self._looked_at = now()
        self._seen = self._sight(self._looked_at)
        self._authority = signing_keys.opened(home, at=self._looked_at)

    @classmethod
    def open(cls, settings: Settings, kms: Kms) -> "Credentials":
        """Open the keys of the installation."""
        return cls(home(settings, kms))

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

    @property
    def issuer(self) -> Issuer:
        """Who signs copies now."""
        held, url = self.authority, self.home.url
        return Issuer(url, held.documents, held.cose_documents, lambda one: list_url(url, one))

    def _sight(self, now: datetime) -> tuple[date, frozenset[Path]]:
        return now.astimezone(UTC).date(), frozenset(self.home.folder.glob("*-*.*"))


def home(settings: Settings, kms: Kms) -> Home:
    """Say where the installation's keys and certificates are."""
    token, label = None, settings.credential_token
    if label is not None:
        assert settings.pkcs11_module is not None, "the settings were refused without it"
        token = Token(settings.pkcs11_module, label, lambda: settings.secret("pkcs11_pin") or "")
    return Home.of(settings.keys / "credential", url=settings.issuer, kms=kms, token=token)
