"""What a line is told: when its day ends, whom it believes, and what it refuses to be told."""

import asyncio
import json
import ssl
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app import settings
from app.house import House
from app.network.terms import Line, Scope, Tls
from app.settings import BadSetting, Unguarded
from tests.app.network import lines
from tests.app.network.wires import Wire

DOMESTIC = Line(network="mspk", scope=Scope.DOMESTIC, port=0)
ABROAD = Line(network="worldwide", scope=Scope.INTERNATIONAL, port=0, cut_off="00:00", zone="UTC", working=False)


@pytest.mark.parametrize(
    ("line", "at", "day"),
    [
        (DOMESTIC, datetime(2026, 11, 20, 12, 59, tzinfo=UTC), date(2026, 11, 20)),  # Friday, 17:59 in Almaty
        (DOMESTIC, datetime(2026, 11, 20, 13, 0, tzinfo=UTC), date(2026, 11, 23)),  # a minute later it is Monday's
        (DOMESTIC, datetime(2026, 11, 21, 6, 0, tzinfo=UTC), date(2026, 11, 23)),
        (DOMESTIC, datetime(2026, 11, 22, 19, 0, tzinfo=UTC), date(2026, 11, 23)),  # Monday in Almaty
        (ABROAD, datetime(2026, 11, 20, 23, 59, tzinfo=UTC), date(2026, 11, 21)),
        (ABROAD, datetime(2026, 12, 31, 0, 0, tzinfo=UTC), date(2027, 1, 1)),
    ],
)
def test_a_day_ends_at_its_cut_off(line: Line, at: datetime, day: date) -> None:
    assert line.settles_on(at) == day


def told(**line: object) -> settings.Settings:
    described = [{"network": "mspk", "scope": "domestic", "port": 9301} | line]
    environ = {
        "ERESIDENCY_DATABASE_URL": "postgresql:///none",
        "ERESIDENCY_ENVIRONMENT": "demo",
        "ERESIDENCY_CARD_LINES": json.dumps(described),
    }
    return settings.load(environ)


def test_a_line_is_a_setting() -> None:
    [line] = told(deadline_ms=500, stand_in={"day_times": 1}).card_lines

    assert (line.port, line.deadline_ms, line.stand_in.day_times) == (9301, 500, 1)


@pytest.mark.parametrize("wrong", [{"port": 70_000}, {"scope": "galactic"}, {"cut_off": "24:00"}, {"network": "M"}])
def test_what_is_no_line_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        told(**wrong)


def test_no_card_number_travels_in_clear() -> None:
    with pytest.raises(Unguarded):
        told(host="10.0.0.5")
    tls = {"certificate": "a.pem", "key": "a.key", "authority": "ca.pem", "names": ["mspk.kz"]}
    assert told(host="10.0.0.5", tls=tls).card_lines[0].tls is not None


class Authority:
    """Who signs certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._key, self._name = folder, ec.generate_private_key(ec.SECP256R1()), named(name)
        certificate = self._signed(self._key, self._name, authority=True)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> tuple[Path, Path]:
        """Give certificate and key of somebody of this name."""
        key = ec.generate_private_key(ec.SECP256R1())
        places = self._folder / f"{name}.{id(self)}.pem", self._folder / f"{name}.{id(self)}.key"
        places[0].write_bytes(self._signed(key, named(name)).public_bytes(serialization.Encoding.PEM))
        pkcs8, clear = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        places[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, clear))
        return places

    def _signed(
        self, key: ec.EllipticCurvePrivateKey, subject: x509.Name, *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        name = subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(str(name))]), critical=False)
        )
        return made.sign(self._key, hashes.SHA256())


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


@pytest.mark.asyncio
async def test_over_tls_both_sides_prove_who_they_are(house: House, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    ours, theirs = authority.issue("issuer.kz"), authority.issue("mspk.kz")
    tls = Tls(certificate=ours[0], key=ours[1], authority=authority.path, names=("mspk.kz",))
    line = Line(network="mspk", scope=Scope.DOMESTIC, port=0, tls=tls)

    async def signs_on(port: int, shown: tuple[Path, Path] | None) -> bool:
        context = ssl.create_default_context(cafile=str(authority.path))
        if shown:
            context.load_cert_chain(*shown)
        try:
            streams = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="issuer.kz")
            wire = Wire(*streams)
            try:
                return (await wire.manage("001"))[39] == "00"
            finally:
                wire.close()
        except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            return False

    async with lines.opened(house, tmp_path / "link", line) as opened:
        port = opened.ports["mspk"]
        assert await signs_on(port, theirs)
        assert not await signs_on(port, None)
        assert not await signs_on(port, stranger.issue("mspk.kz"))
        assert not await signs_on(port, authority.issue("another.kz"))
