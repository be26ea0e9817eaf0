"""A key behind the port that signs certificates, and nothing else."""

import copy

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from proof.certifying import CertifyingKey
from proof.signer import BadKey, FileSigner

KEY = ec.generate_private_key(ec.SECP256R1())
CERTIFYING = CertifyingKey(FileSigner(KEY))


def test_it_signs_as_a_key_of_the_library_does() -> None:
    how = ec.ECDSA(hashes.SHA256())

    CERTIFYING.public_key().verify(CERTIFYING.sign(b"a certificate", how), b"a certificate", how)

    assert (CERTIFYING.public_key(), CERTIFYING.key_size, CERTIFYING.curve.name) == (KEY.public_key(), 256, "secp256r1")
    assert copy.copy(CERTIFYING) is copy.deepcopy(CERTIFYING) is CERTIFYING


@pytest.mark.parametrize(
    "ask",
    [
        lambda: CERTIFYING.sign(b"", ec.ECDSA(hashes.SHA384())),
        lambda: CERTIFYING.exchange(ec.ECDH(), KEY.public_key()),
        CERTIFYING.private_numbers,
        CERTIFYING.private_bytes,
    ],
    ids=["another hash", "agreement", "numbers", "bytes"],
)
def test_it_does_nothing_else(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(UnsupportedAlgorithm):
        ask()


def test_a_key_of_another_kind_certifies_nothing() -> None:
    with pytest.raises(BadKey):
        CertifyingKey(FileSigner(ed25519.Ed25519PrivateKey.generate()))
