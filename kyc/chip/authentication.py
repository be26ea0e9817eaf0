"""What a chip offers to prove that it is the original: the security infos of DG14 (ICAO Doc 9303-11, section 9).

Chip authentication happens between the chip and whoever holds a session with it: keys are agreed on, and messages under
them show that the chip knows its private key. No server holds such a session, so here is the place where one that does
(a terminal of a partner, a phone whose reading is attested) is asked: `ChipAuthentication`.
"""

from typing import Protocol

import msgspec
from asn1crypto import core, keys

from kyc.chip import der, lds
from kyc.chip.report import Grade, Step

CHECK = "chip.chip_authentication"

_DG14_TAG = 0x6E
_INFOS_MAX = 64
_CA_KEYS = {"0.4.0.127.0.7.2.2.1.1": "dh", "0.4.0.127.0.7.2.2.1.2": "ecdh"}
_CA_PROTOCOLS = "0.4.0.127.0.7.2.2.3."
_AA = "2.23.136.1.1.5"
_AA_DIGESTS = {
    "0.4.0.127.0.7.1.1.4.1.1": "sha1",
    "0.4.0.127.0.7.1.1.4.1.2": "sha224",
    "0.4.0.127.0.7.1.1.4.1.3": "sha256",
    "0.4.0.127.0.7.1.1.4.1.4": "sha384",
    "0.4.0.127.0.7.1.1.4.1.5": "sha512",
}


class _Info(core.Sequence):  # type: ignore[misc]  # asn1crypto carries no types
    _fields = [  # noqa: RUF012  # read by asn1crypto
        ("protocol", core.ObjectIdentifier),
        ("required", core.Any),
        ("optional", core.Any, {"optional": True}),
    ]


class _Infos(core.SetOf):  # type: ignore[misc]  # as above
    _child_spec = _Info


class ChipKey(msgspec.Struct, frozen=True):
    """A key for chip authentication: `kind` is dh or ecdh, `key` a SubjectPublicKeyInfo."""

    kind: str
    key: bytes
    number: int | None


class Offered(msgspec.Struct, frozen=True):
    """What DG14 offers: protocols of chip authentication and their keys, and the digest of active authentication."""

    protocols: tuple[str, ...] = ()
    keys: tuple[ChipKey, ...] = ()
    active_digest: str | None = None


class ChipAuthentication(Protocol):
    """Whoever held a session with the chip and can judge its transcript."""

    def proved(self, offered: Offered, transcript: bytes) -> bool:
        """Whether the transcript shows that the chip knows the private key to one of the offered keys."""
        ...


def read(group: bytes) -> Offered:
    """Read EF.DG14; what is not about these two protocols is passed over. Raises der.Malformed."""
    if len(group) > lds.SOD_BYTES_MAX:
        raise der.Malformed("dg14")
    encoded = der.element(group, _DG14_TAG, "dg14")
    der.bounded(encoded, "dg14", size_max=lds.SOD_BYTES_MAX)
    protocols, offered, digest = [], [], None
    with der.reading("dg14"):
        infos = _Infos.load(encoded, strict=True)
        if len(infos) > _INFOS_MAX:
            raise der.Malformed("dg14")
        for info in infos:
            protocol = info["protocol"].dotted
            if protocol in _CA_KEYS:
                key = info["required"].parse(keys.PublicKeyInfo)
                number = info["optional"].parse(core.Integer).native if info["optional"].contents else None
                offered.append(ChipKey(_CA_KEYS[protocol], key.dump(), number))
            elif protocol.startswith(_CA_PROTOCOLS):
                protocols.append(protocol)
            elif protocol == _AA:
                digest = _AA_DIGESTS.get(info["optional"].parse(core.ObjectIdentifier).dotted)
    return Offered(tuple(protocols), tuple(offered), digest)


def verify(group: bytes, transcript: bytes, by: ChipAuthentication) -> Step:
    """Let `by` judge a session with the chip that has this DG14; the caller has compared DG14 with the signed one."""
    try:
        offered = read(group)
    except der.Malformed as error:
        return Step(CHECK, Grade.MALFORMED, {"part": error.what})
    if not offered.keys:
        return Step(CHECK, Grade.BAD_SIGNATURE, {"reason": "not_offered"})
    proved = by.proved(offered, transcript)
    return Step(CHECK, Grade.VALID if proved else Grade.BAD_SIGNATURE, {"keys": str(len(offered.keys))})
