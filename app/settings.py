"""Everything an installation is told from outside, read once at start.

Each field is an environment variable `ERESIDENCY_<NAME>`; `<NAME>_FILE` names a file that holds the value instead,
which is how secrets arrive in production.
"""

import contextlib
import enum
import hashlib
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import sqlalchemy

from app.network.terms import Line
from app.partners.stripe_issuing.programme import COUNTRIES, StripeProgramme, mode_of

_ANDROID = "android:apk-key-hash:"
_LISTS = {"origins", "certificate_proxies"}
_STRUCTS = {"issuing_bank", "card_lines", "stripe_programme"}
_OUTSIDE = (
    "stripe_url",
    "agencies_url",
    "ofac_url",
    "un_url",
    "exposure_url",
    "messages_url",
    "integrity_url",
    "faces_url",
    "anchor_notary",
)


class Environment(enum.StrEnum):
    """Where this installation runs; only demo and test may move the clock or mint tokens."""

    PRODUCTION = "production"
    DEMO = "demo"
    TEST = "test"


class IssuingBank(msgspec.Struct, frozen=True, kw_only=True):
    """The bank whose e-money the wallets hold (Payments Law art. 42); `code` are the three digits of its IBANs.

    `partner` is the code it is enrolled under: who pays out, exchanges, and holds the money behind the wallets.
    Written in a setting as JSON: `{"name": "…", "bic": "…", "code": "…", "partner": "…"}`.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=70)]
    bic: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{4}KZ[A-Z0-9]{2}([A-Z0-9]{3})?$(?!\n)")]
    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{3}$(?!\n)")]
    partner: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$(?!\n)")]


#: No bank of this code is in the registry, so that an address of a demo is nobody's elsewhere.
_DEMO_BANK = IssuingBank(name="Demo Issuing Bank", bic="DEMOKZKA", code="999", partner="demo-bank")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One installation. `database_url` is the owner's, for migrations; the application logs in as its four roles.

    `role_password` is theirs. Where a demo or test does not name one it follows from the owner's (role_word).
    With `pkcs11_module` the KEKs are in the token `pkcs11_token` (proof/hsm.py), else in files below `keys`; so are the
    keys that sign credentials, where `credential_token` names their token, `credential_root_token` that of the roots.
    `issuing_bank` has a default in a demo or test only.
    `ofac_url` and `un_url` are folders with the files of these lists; without one, nobody is looked up in that list.
    `card_lines` are the lines to card networks, a JSON list; what `eresidency link` keeps is in `link_folder`.
    `settlement_folder` is where card networks put their settlement files; without it none is taken.
    `certificate_header` is where the proxies at the addresses `certificate_proxies` tell of client certificates.
    `stripe_programme` turns Stripe Issuing on (app/partners/stripe_issuing/); its endpoints have a secret each, several
    separated by commas while one replaces another, and `stripe_url` is for a server of one's own in its place.
    `scanner` is ClamAV's daemon, `unix:///run/clamav/clamd.ctl` or `tcp://127.0.0.1:3310`; without one no file is
    ever of use. `faces_url` is the vendor that compares faces.
    `files` are the files that values came from; who may see a secret change asks for it by secret().
    """

    environment: Environment = Environment.PRODUCTION
    database_url: str
    role_password: str | None = None
    issuer: str = "http://127.0.0.1:8000"
    keys: Path = Path(".data/keys")
    pkcs11_module: Path | None = None
    pkcs11_token: str = "eresidency"  # noqa: S105  the label of a token, no secret
    pkcs11_pin: str | None = None
    credential_token: str | None = None
    credential_root_token: str | None = None
    csca_folder: Path | None = None
    rp_id: str = "localhost"
    origins: tuple[str, ...] = ("http://localhost:8000",)
    agencies_url: str | None = None
    ofac_url: str | None = None
    un_url: str | None = None
    exposure_url: str | None = None
    exposure_token: str | None = None
    messages_url: str | None = None
    messages_token: str | None = None
    integrity_url: str | None = None
    integrity_token: str | None = None
    scanner: str | None = None
    faces_url: str | None = None
    faces_token: str | None = None
    android_package: str = "kz.gov.eresidency"
    ios_app_id: str = "0000000000.kz.gov.eresidency"
    app_attest_root: Path | None = None
    anchor_folder: Path | None = None
    anchor_notary: str | None = None
    pool_max: int = 12
    body_max_bytes: int = 1_000_000
    drain_s: float = 25.0
    requests_per_minute: int = 6_000
    certificate_header: str | None = None
    certificate_proxies: tuple[str, ...] = ()
    issuing_bank: IssuingBank = _DEMO_BANK
    card_lines: tuple[Line, ...] = ()
    link_folder: Path = Path(".data/link")
    settlement_folder: Path | None = None
    stripe_programme: StripeProgramme | None = None
    stripe_key: str | None = None
    stripe_authorization_secret: str | None = None
    stripe_event_secret: str | None = None
    stripe_url: str | None = None

    files: tuple[tuple[str, Path], ...] = ()

    def __repr__(self) -> str:
        return f"Settings({self.environment}, {self.issuer})"  # neither passwords nor PINs

    def secret(self, name: str) -> str | None:
        """Give a setting as it is now: the file it came from is read again, so a secret changes without a restart."""
        if (path := dict(self.files).get(name)) is not None:
            with contextlib.suppress(OSError):  # while it is being replaced, what was there at the start still holds
                return _content(path)
        found: str | None = getattr(self, name)
        return found

    @property
    def virtual(self) -> bool:
        """Whether the clock may be moved, tokens minted and events injected."""
        return self.environment is not Environment.PRODUCTION


class BadSetting(Exception):
    """A setting is missing or can't be read; names it, never shows its value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"setting {name} is missing or unreadable")
        self.name = name


class Unguarded(BadSetting):
    """An address leads over a network, and nothing says that who is there must prove it."""

    def __init__(self, name: str, must: str) -> None:
        Exception.__init__(self, f"setting {name} leads over a network: it must say {must}")
        self.name = name


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings from `environ`; raises BadSetting."""
    given: dict[str, Any] = {"files": []}
    for field in msgspec.structs.fields(Settings):
        if field.name == "files":
            continue
        name = f"ERESIDENCY_{field.name.upper()}"
        if file := environ.get(f"{name}_FILE"):
            given["files"].append((field.name, file))
        text = _text(environ, name)
        if text is None and field.name == "database_url":
            text = environ.get("DATABASE_URL")
        if text is not None:
            given[field.name] = _read(field.name, text)
    try:
        told = msgspec.convert(given, Settings, strict=False, dec_hook=_hook)
        told = msgspec.structs.replace(told, database_url=address(told.database_url))
    except msgspec.ValidationError as error:
        raise BadSetting(str(error).split("`")[-2].removeprefix("$.") if "`" in str(error) else "?") from error
    if not all(is_origin(origin, told.rp_id) for origin in told.origins):
        raise BadSetting("origins")
    _check_token(told)
    _check_lines(told)
    _check_scanner(told)
    _check_stripe(told)
    if not told.virtual:
        _check_live(told)
    if told.role_password is None and told.virtual:
        return msgspec.structs.replace(told, role_password=role_word(told.database_url))
    return told


def _read(name: str, text: str) -> object:
    if name in _LISTS:
        return text.split(",")
    if name in _STRUCTS:
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise BadSetting(name) from error
    return text


def is_origin(text: str, rp_id: str) -> bool:
    """Say whether passkeys of `rp_id` may report this origin: its website's, exactly as browsers write it, or an app's.

    An Android app reports the SHA-256 of the certificate it is signed with, in base64url (Credential Manager guide).
    """
    if text.startswith(_ANDROID):
        return re.fullmatch(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", text.removeprefix(_ANDROID)) is not None
    found = re.fullmatch(r"(https?)://([a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?", text)
    if found is None or found[3] == {"https": "443", "http": "80"}[found[1]]:
        return False
    host = found[2]
    return (host == rp_id or host.endswith(f".{rp_id}")) and (found[1] == "https" or host == "localhost")


def address(url: str) -> str:
    """Name our driver in an address of PostgreSQL as libpq and hosting providers write it (`postgres://…`)."""
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def _check_stripe(told: Settings) -> None:
    """Refuse a programme where Stripe issues no cards, one that could not be answered for, and the wrong one's key."""
    if told.stripe_programme is None:
        return
    if told.stripe_programme.country not in COUNTRIES:
        raise BadSetting("stripe_programme")
    if mode_of(told.stripe_key or "") != ("test" if told.virtual else "live"):
        raise BadSetting("stripe_key")
    for name in ("stripe_authorization_secret", "stripe_event_secret"):
        if not getattr(told, name):
            raise BadSetting(name)


def _check_live(told: Settings) -> None:
    _check_guarded(told)
    if told.issuing_bank == _DEMO_BANK:  # every address of a wallet would name a bank that does not exist
        raise BadSetting("issuing_bank")
    if not told.exposure_url:  # nobody's risk is known while nobody can say who is in public office
        raise BadSetting("exposure_url")


def _check_token(told: Settings) -> None:
    """Refuse a token for which there is no driver: the keys would silently be files."""
    for name in ("credential_token", "credential_root_token"):
        if getattr(told, name) is not None and told.pkcs11_module is None:
            raise BadSetting(name)


def _check_lines(told: Settings) -> None:
    """Have no card number on a network in clear, whatever the environment."""
    if not all(line.tls or _is_here(line.host) for line in told.card_lines):
        raise Unguarded("card_lines", "tls")


def _check_scanner(told: Settings) -> None:
    """Have nobody's papers on a network: ClamAV's daemon neither encrypts nor says who it is, so it is here."""
    url = urlsplit(told.scanner or "unix:///")
    at_home = (url.scheme == "unix" and url.path) or (
        url.scheme == "tcp" and url.port and _is_here(url.hostname or "-")
    )
    if not at_home:
        raise BadSetting("scanner")


def _check_guarded(told: Settings) -> None:
    """Have nobody on the way read or answer: a socket, this machine, or TLS with a name that is checked."""
    if not _is_guarded(told.database_url):
        raise Unguarded("database_url", "sslmode=verify-full")
    for name in _OUTSIDE:
        url = urlsplit(getattr(told, name) or "")
        if url.scheme != "https" and not _is_here(url.hostname or ""):
            raise Unguarded(name, "https")


def _is_guarded(url: str) -> bool:
    found = sqlalchemy.make_url(url)
    given = (found.host or "", *found.normalized_query.get("host", ()), *found.normalized_query.get("hostaddr", ()))
    return found.query.get("sslmode") == "verify-full" or all(_is_here(host) for host in ",".join(given).split(","))


def _is_here(host: str) -> bool:
    if host.startswith("/") or host in {"", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def role_word(database_url: str) -> str:
    """Derive the roles' password from the owner's.

    Roles belong to the server: whoever works on one, in whichever database, must not cut the others off by a word of
    their own. It is as secret as the owner's password is.
    """
    password = sqlalchemy.make_url(address(database_url)).password or ""
    return hashlib.sha256(b"eresidency roles\0" + password.encode()).hexdigest()


def _text(environ: Mapping[str, str], name: str) -> str | None:
    if file := environ.get(f"{name}_FILE"):
        try:
            return _content(Path(file))
        except OSError as error:
            raise BadSetting(f"{name}_FILE") from error
    return environ.get(name)


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _hook(kind: type, value: object) -> object:
    return kind(value)
