"""The files of a passport chip (ICAO Doc 9303-10): the security object over the data groups, and the MRZ in DG1."""

import msgspec
from asn1crypto import algos, core

from kyc.chip import der, signed

# A security object with its certificate takes some 2 kB; the largest published ones stay below 8.
SOD_BYTES_MAX = 32 * 1024
_ELEMENTS_MAX = 2_000
GROUP_BYTES_MAX = 512 * 1024
GROUPS = range(1, 17)
_SOD_TAG, _DG1_TAG, _MRZ_TAG = b"\x77", 0x61, 0x5F1F
# ICAO's own type; two older ones of Belgium and France, and of the Netherlands; and "data", which China uses.
_CONTENT_TYPES = frozenset({"2.23.136.1.1.1", "1.3.27.1.1.1", "1.2.528.1.1006.1.20.1", "1.2.840.113549.1.7.1"})
_LINES = {88: 44, 90: 30, 72: 36}


class _Hash(core.Sequence):  # type: ignore[misc]  # asn1crypto carries no types
    _fields = [("number", core.Integer), ("value", core.OctetString)]  # noqa: RUF012  # read by asn1crypto


class _Hashes(core.SequenceOf):  # type: ignore[misc]  # as above
    _child_spec = _Hash


class _Version(core.Sequence):  # type: ignore[misc]  # as above
    _fields = [("lds", core.PrintableString), ("unicode", core.PrintableString)]  # noqa: RUF012  # as above


class _SecurityObject(core.Sequence):  # type: ignore[misc]  # as above
    _fields = [  # noqa: RUF012  # as above
        ("version", core.Integer),
        ("hash_algorithm", algos.DigestAlgorithm),
        ("hashes", _Hashes),
        ("lds_version", _Version, {"optional": True}),
    ]


class SecurityObject(msgspec.Struct, frozen=True):
    """What the issuing state signed: the digest's name and each data group's digest by its number."""

    digest: str
    hashes: dict[int, bytes]


def signed_object(sod: bytes) -> signed.Signed:
    """Read EF.SOD for what is signed, which is the same whoever signed it; raises der.Malformed."""
    return signed_objects(sod)[0]


def signed_objects(sod: bytes) -> tuple[signed.Signed, ...]:
    """Read EF.SOD, with or without its outer tag 0x77, once for each signer; raises der.Malformed."""
    if len(sod) > SOD_BYTES_MAX:
        raise der.Malformed("sod")
    inner = der.element(sod, _SOD_TAG[0], "sod") if sod.startswith(_SOD_TAG) else sod
    return signed.read(inner, "sod", size_max=SOD_BYTES_MAX, elements_max=_ELEMENTS_MAX)


def security_object(content_type: str, content: bytes) -> SecurityObject:
    """Read the signed content; raises der.Malformed."""
    if content_type not in _CONTENT_TYPES:
        raise der.Malformed("security object type")
    der.bounded(content, "security object", size_max=SOD_BYTES_MAX, elements_max=_ELEMENTS_MAX)
    with der.reading("security object"):
        found = _SecurityObject.load(content, strict=True)
        pairs = [(each["number"].native, each["value"].native) for each in found["hashes"]]
        hashes = dict(pairs)
        if len(hashes) != len(pairs) or not all(number in GROUPS for number in hashes):
            raise der.Malformed("security object")
        return SecurityObject(found["hash_algorithm"]["algorithm"].native, hashes)


def mrz_lines(group: bytes) -> tuple[str, ...]:
    """Read the MRZ out of EF.DG1; raises der.Malformed."""
    characters = der.element(der.element(group, _DG1_TAG, "dg1"), _MRZ_TAG, "dg1")
    width = _LINES.get(len(characters))
    if width is None or not characters.isascii():
        raise der.Malformed("dg1")
    text = characters.decode("ascii")
    return tuple(text[start : start + width] for start in range(0, len(text), width))
