"""Passports for tests and the demo, signed by a test country signing authority of our own.

    authority = passport.Authority.seeded(7)
    erika = authority.issue(surname="MUSTERMANN", given="ERIKA", born=date(1990, 8, 12), ...)
    phone posts  erika.body()          the installation trusts  authority.export(csca_folder)

Written from ICAO Doc 9303 parts 3, 4, 10 and 12 and by no code of the house, so that both can be wrong only separately.
With a seed and an elliptic-curve kind every byte is the same on every machine; RSA keys are random.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import ClassVar

from asn1crypto import algos, cms, core, crl, x509

from simulators.chip import Chip
from simulators.key import KINDS, Key
from simulators.portrait import face, tlv

__all__ = ["KINDS", "Authority", "Key", "Passport", "SecurityObject", "check_digit", "specimen"]

_CSCA = "Test CSCA, not a real authority"
_DSC = "Test document signer, not a real authority"
_LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
_FOUR_DIGITS = date(2050, 1, 1)  # from then on certificates write years in full (RFC 5280, 4.1.2.5)
_TAGS = {1: 0x61, 2: 0x75, 3: 0x63, 11: 0x6B, 14: 0x6E, 15: 0x6F}  # of the data groups, Doc 9303-10, table 38
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
    enclosed: tuple[bytes, ...] = ()  # certificates that travel with the signer's

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
        return self._certify(_CSCA, self.key, self.serial, (self.not_before, self.not_after), _authority_usage())

    @property
    def signer_certificate(self) -> bytes:
        """The document signer's certificate, DER."""
        usage = [{"extn_id": "key_usage", "critical": True, "extn_value": {"digital_signature"}}]
        period = self.signer_not_before, self.signer_not_after
        return self._certify(_DSC, self.signer, self.serial + 1, period, usage)

    @property
    def link(self) -> bytes:
        """A certificate of this authority's name over the key of `signer`: how it introduces its next key."""
        return self._certify(_CSCA, self.signer, self.serial + 2, (self.not_before, self.not_after), _authority_usage())

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
        chip: Chip | None = None,
        files: Mapping[int, bytes] | None = None,
    ) -> Passport:
        """Issue a passport. Names are in the MRZ's alphabet: A-Z, spaces, hyphens and apostrophes.

        `files` are data groups beside DG1, such as a portrait of its own or simulators.details.details() as DG11.
        """
        first = _first_line(self.state, surname, given)
        person = (nationality or self.state).ljust(3, "<"), born, sex
        second = _second_line(number, person, expires, personal_number)
        written = {
            1: tlv(0x61, tlv(0x5F1F, (first + second).encode("ascii"))),
            2: face(),
            **(chip.files if chip else {}),
        }
        written |= files or {}
        return Passport((first, second), written, self.sign(written, issued=issued), _index(written))

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

    def revoke(self, *serials: int, at: date = date(2026, 11, 1)) -> bytes:
        """Publish a revocation list (CRL) with these serial numbers; the document signer's is `serial` + 1."""
        entries = [{"user_certificate": serial, "revocation_date": _time(at)} for serial in serials]
        body = crl.TbsCertList(
            {
                "version": "v2",
                "signature": self.key.algorithm,
                "issuer": self._name(_CSCA),
                "this_update": _time(at),
                "next_update": _time(date(at.year + 1, at.month, at.day)),
                **({"revoked_certificates": entries} if entries else {}),
                "crl_extensions": [
                    {
                        "extn_id": "authority_key_identifier",
                        "extn_value": {"key_identifier": self.key.identifier},
                    }
                ],
            }
        )
        signed = {"tbs_cert_list": body, "signature_algorithm": self.key.algorithm}
        encoded: bytes = crl.CertificateList({**signed, "signature": self.key.sign(body.dump())}).dump()
        return encoded

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
            "certificates": [signer, *(x509.Certificate.load(each) for each in self.enclosed)],
            "signer_infos": [signature],
        }
        encoded: bytes = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(data)}).dump()
        return encoded


def _authority_usage() -> list[dict[str, object]]:
    return [
        {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": True, "path_len_constraint": 0}},
        {"extn_id": "key_usage", "critical": True, "extn_value": {"key_cert_sign", "crl_sign"}},
    ]


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
