"""Passports for tests and the demo, signed by a test country signing authority of our own.

    authority = passport.Authority.seeded(7)
    erika = authority.issue(surname="MUSTERMANN", given="ERIKA", born=date(1990, 8, 12), ...)
    phone posts  erika.body()          the installation trusts  authority.export(csca_folder)

Written from ICAO Doc 9303 parts 3, 4, 10 and 12 and by no code of the house, so that both can be wrong only separately.
With a seed and an elliptic-curve kind every byte is the same on every machine; RSA keys are random.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

from asn1crypto import algos, cms, core, keys, x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from simulators.portrait import face, tlv

_HASH: dict[str, type[hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,  # old passports carry it, and the house must grade it
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_CURVES: dict[str, type[ec.EllipticCurve]] = {
    "p256": ec.SECP256R1,
    "p384": ec.SECP384R1,
    "p521": ec.SECP521R1,
    "brainpool256": ec.BrainpoolP256R1,
    "brainpool384": ec.BrainpoolP384R1,
}
KINDS = (*_CURVES, "rsa2048", "rsa3072", "rsa2048-pss")

_CSCA = "Test CSCA, not a real authority"
_DSC = "Test document signer, not a real authority"
_LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
_FOUR_DIGITS = date(2050, 1, 1)  # from then on certificates write years in full (RFC 5280, 4.1.2.5)
_TAGS = {1: 0x61, 2: 0x75, 3: 0x63, 14: 0x6E, 15: 0x6F}  # of the data groups, Doc 9303-10, table 38
_ALPHABET = {char: value for value, char in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}


class _DataGroupHash(core.Sequence):  # type: ignore[misc]  # asn1crypto carries no types
    _fields: ClassVar[list[tuple[str, type]]] = [("number", core.Integer), ("value", core.OctetString)]


class _DataGroupHashes(core.SequenceOf):  # type: ignore[misc]  # as above
    _child_spec = _DataGroupHash


class SecurityObject(core.Sequence):  # type: ignore[misc]  # as above
    """LDSSecurityObject, ICAO Doc 9303-10 section 4.6.2.3."""

    _fields: ClassVar[list[tuple[str, type]]] = [
        ("version", core.Integer),
        ("hash_algorithm", algos.DigestAlgorithm),
        ("hashes", _DataGroupHashes),
    ]


@dataclass(frozen=True)
class Key:
    """A signing key with one fixed algorithm."""

    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    digest: str = "sha256"
    pss: bool = False

    @classmethod
    def make(cls, kind: str, *, seed: str | None = None, digest: str = "sha256") -> "Key":
        """Make a key of one of `KINDS`; the same `seed` gives the same elliptic-curve key, RSA is always random."""
        if kind in _CURVES:
            curve = _CURVES[kind]()
            wide = hashlib.sha512(seed.encode()).digest() if seed is not None else secrets.token_bytes(64)
            scalar = int.from_bytes(wide, "big") % (curve.group_order - 1) + 1
            return cls(ec.derive_private_key(scalar, curve), digest)
        size, _, scheme = kind.removeprefix("rsa").partition("-")
        return cls(rsa.generate_private_key(65537, int(size)), digest, scheme == "pss")

    @property
    def public(self) -> keys.PublicKeyInfo:
        """Its SubjectPublicKeyInfo."""
        encoding = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return keys.PublicKeyInfo.load(self.private.public_key().public_bytes(*encoding))

    @property
    def identifier(self) -> bytes:
        """The subject key identifier (RFC 5280, 4.2.1.2, method 1)."""
        return hashlib.sha1(bytes(self.public["public_key"]), usedforsecurity=False).digest()

    @property
    def algorithm(self) -> algos.SignedDigestAlgorithm:
        """How certificates and security objects name its signatures."""
        if not self.pss:
            scheme = "ecdsa" if isinstance(self.private, ec.EllipticCurvePrivateKey) else "rsa"
            return algos.SignedDigestAlgorithm({"algorithm": f"{self.digest}_{scheme}"})
        parameters = {
            "hash_algorithm": {"algorithm": self.digest},
            "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": self.digest}},
            "salt_length": _HASH[self.digest].digest_size,
        }
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": algos.RSASSAPSSParams(parameters)})

    def sign(self, data: bytes) -> bytes:
        """Sign `data`."""
        algorithm = _HASH[self.digest]()
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            return self.private.sign(data, ec.ECDSA(algorithm, deterministic_signing=True))
        if self.pss:
            return self.private.sign(
                data, padding.PSS(padding.MGF1(algorithm), salt_length=algorithm.digest_size), algorithm
            )
        return self.private.sign(data, padding.PKCS1v15(), algorithm)


@dataclass(frozen=True)
class Passport:
    """What a phone reads: the printed lines, the data groups by number, the security object and the index file."""

    mrz: tuple[str, ...]
    files: Mapping[int, bytes]
    sod: bytes
    com: bytes

    def body(self) -> dict[str, object]:
        """Give the JSON body of POST /v1/identity/documents."""
        groups = {str(number): base64.b64encode(file).decode() for number, file in sorted(self.files.items())}
        return {"mrz": list(self.mrz), "sod": base64.b64encode(self.sod).decode(), "data_groups": groups}


@dataclass(frozen=True)
class Authority:
    """A country signing authority (CSCA) and its one document signer (DSC); `state` is the MRZ's code of it."""

    state: str
    country: str
    key: Key
    signer: Key
    not_before: date = date(2020, 1, 1)
    not_after: date = date(2050, 1, 1)
    signer_not_before: date = date(2024, 1, 1)
    signer_not_after: date = date(2045, 1, 1)
    serial: int = 1

    @classmethod
    def seeded(
        cls,
        seed: int | None = None,
        *,
        state: str = "UTO",
        country: str = "UT",
        kind: str = "p256",
        signer_kind: str | None = None,
        digest: str = "sha256",
    ) -> "Authority":
        """Make an authority of `country` (two letters); without `seed` its keys are random."""
        word = None if seed is None else f"{seed}/{country}/{kind}"
        return cls(
            state,
            country,
            Key.make(kind, seed=word and f"{word}/csca", digest=digest),
            Key.make(signer_kind or kind, seed=word and f"{word}/dsc", digest=digest),
        )

    @property
    def certificate(self) -> bytes:
        """The self-signed CSCA certificate, DER."""
        usage = [
            {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": True, "path_len_constraint": 0}},
            {"extn_id": "key_usage", "critical": True, "extn_value": {"key_cert_sign", "crl_sign"}},
        ]
        return self._certify(_CSCA, self.key, self.serial, (self.not_before, self.not_after), usage)

    @property
    def signer_certificate(self) -> bytes:
        """The document signer's certificate, DER."""
        usage = [{"extn_id": "key_usage", "critical": True, "extn_value": {"digital_signature"}}]
        period = self.signer_not_before, self.signer_not_after
        return self._certify(_DSC, self.signer, self.serial + 1, period, usage)

    def export(self, folder: Path) -> Path:
        """Write the CSCA certificate into an installation's folder of trusted authorities; returns its path."""
        path = folder / f"test-csca-{self.country.lower()}-{hashlib.sha256(self.certificate).hexdigest()[:12]}.cer"
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.certificate)
        return path

    def issue(
        self,
        *,
        surname: str,
        given: str = "",
        nationality: str | None = None,
        born: date,
        sex: str = "<",
        number: str,
        expires: date,
        personal_number: str = "",
        issued: date = date(2025, 1, 15),
    ) -> Passport:
        """Issue a passport. Names are in the MRZ's alphabet: A-Z, spaces, hyphens and apostrophes."""
        first = _first_line(self.state, surname, given)
        person = (nationality or self.state).ljust(3, "<"), born, sex
        second = _second_line(number, person, expires, personal_number)
        files = {1: tlv(0x61, tlv(0x5F1F, (first + second).encode("ascii"))), 2: face()}
        return Passport((first, second), files, self.sign(files, issued=issued), _index(files))

    def sign(self, files: Mapping[int, bytes], *, issued: date = date(2025, 1, 15)) -> bytes:
        """Sign data groups: the security object EF.SOD (tag 0x77) over their hashes."""
        digest = self.signer.digest
        content = SecurityObject(
            {
                "version": 0,
                "hash_algorithm": {"algorithm": digest},
                "hashes": [
                    {"number": number, "value": hashlib.new(digest, file).digest()}
                    for number, file in sorted(files.items())
                ],
            }
        ).dump()
        return tlv(0x77, self._signed_data(content, issued))

    def _certify(
        self,
        common_name: str,
        holder: Key,
        serial: int,
        period: tuple[date, date],
        usage: list[dict[str, object]],
    ) -> bytes:
        identifiers = [
            {"extn_id": "key_identifier", "extn_value": holder.identifier},
            {"extn_id": "authority_key_identifier", "extn_value": {"key_identifier": self.key.identifier}},
        ]
        body = x509.TbsCertificate(
            {
                "version": "v3",
                "serial_number": serial,
                "signature": self.key.algorithm,
                "issuer": self._name(_CSCA),
                "validity": {"not_before": _time(period[0]), "not_after": _time(period[1])},
                "subject": self._name(common_name),
                "subject_public_key_info": holder.public,
                "extensions": usage + identifiers,
            }
        )
        signature = self.key.sign(body.dump())
        certificate = {"tbs_certificate": body, "signature_algorithm": self.key.algorithm, "signature_value": signature}
        encoded: bytes = x509.Certificate(certificate).dump()
        return encoded

    def _name(self, common_name: str) -> x509.Name:
        return x509.Name.build(
            {"country_name": self.country, "organization_name": "Simulator", "common_name": common_name}
        )

    def _signed_data(self, content: bytes, issued: date) -> bytes:
        signer = x509.Certificate.load(self.signer_certificate)
        attributes = cms.CMSAttributes(
            [
                {"type": "content_type", "values": [_LDS_SECURITY_OBJECT]},
                {"type": "signing_time", "values": [cms.Time({"utc_time": _midnight(issued)})]},
                {"type": "message_digest", "values": [hashlib.new(self.signer.digest, content).digest()]},
            ]
        )
        signature = {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {"issuer_and_serial_number": {"issuer": signer.issuer, "serial_number": signer.serial_number}}
            ),
            "digest_algorithm": {"algorithm": self.signer.digest},
            "signed_attrs": attributes,
            "signature_algorithm": self.signer.algorithm,
            "signature": self.signer.sign(attributes.dump()),
        }
        data = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": self.signer.digest}],
            "encap_content_info": {
                "content_type": _LDS_SECURITY_OBJECT,
                "content": core.ParsableOctetString(content),
            },
            "certificates": [signer],
            "signer_infos": [signature],
        }
        encoded: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)}).dump()
        return encoded


def specimen(folder: Path) -> Passport:
    """Read chip files kept as `EF_SOD.bin`, `EF_COM.bin` and `Datagroup<n>.bin`, as a phone would: those EF.COM lists.

    The printed lines are taken from DG1.
    """
    com = (folder / "EF_COM.bin").read_bytes()
    tags = com[com.rindex(b"\x5c") + 2 :]
    files = {
        number: (folder / f"Datagroup{number}.bin").read_bytes() for number, tag in sorted(_TAGS.items()) if tag in tags
    }
    zone = files[1][5:].decode("ascii")  # 61 L 5F1F L stand before the 88 characters
    return Passport((zone[:44], zone[44:]), files, (folder / "EF_SOD.bin").read_bytes(), com)


def check_digit(text: str) -> str:
    """Compute the check digit over `text` (ICAO Doc 9303-3, section 4.9: weights 7, 3, 1 modulo 10)."""
    return str(sum(_ALPHABET[char] * (7, 3, 1)[place % 3] for place, char in enumerate(text)) % 10)


def _first_line(state: str, surname: str, given: str) -> str:
    name = "<<".join(part.replace("'", "").replace("-", "<").replace(" ", "<") for part in (surname, given) if part)
    return ("P<" + state.ljust(3, "<") + name.ljust(39, "<"))[:44]


def _second_line(number: str, person: tuple[str, date, str], expires: date, personal: str) -> str:
    nationality, born, sex = person
    numbered = number.ljust(9, "<") + check_digit(number.ljust(9, "<"))
    dates = [day.strftime("%y%m%d") + check_digit(day.strftime("%y%m%d")) for day in (born, expires)]
    optional = personal.ljust(14, "<")
    optional += check_digit(optional) if personal else "<"
    composite = check_digit(numbered + dates[0] + dates[1] + optional)
    return numbered + nationality + dates[0] + sex + dates[1] + optional + composite


def _index(files: Mapping[int, bytes]) -> bytes:
    present = bytes(_TAGS[number] for number in sorted(files))
    return tlv(0x60, tlv(0x5F01, b"0107") + tlv(0x5F36, b"040000") + tlv(0x5C, present))


def _time(day: date) -> x509.Time:
    return x509.Time({"utc_time" if day < _FOUR_DIGITS else "general_time": _midnight(day)})


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
