"""Signers: what they sign verifies and nothing else does; a key file is made once, by one process."""

import base64
import json
import stat
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from proof import keyfile
from proof.signer import Alg, BadKey, FileSigner, Signer, from_jwk, thumbprint, to_jwk, verify


@pytest.fixture(params=list(Alg))
def signer(request: pytest.FixtureRequest, tmp_path: Path) -> Signer:
    return FileSigner.open(tmp_path / "key.pem", request.param)


def test_a_signature_verifies(signer: Signer) -> None:
    signature = signer.sign(b"message")

    assert len(signature) == 64
    assert verify(signer.public_jwk, b"message", signature)


def test_another_message_does_not(signer: Signer) -> None:
    assert not verify(signer.public_jwk, b"massage", signer.sign(b"message"))


def test_a_changed_signature_does_not(signer: Signer) -> None:
    signature = signer.sign(b"message")

    assert not verify(signer.public_jwk, b"message", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verify(signer.public_jwk, b"message", signature[:-1])
    assert not verify(signer.public_jwk, b"message", signature + b"\0")
    assert not verify(signer.public_jwk, b"message", b"")
    assert not verify(signer.public_jwk, b"message", bytes(64))


def test_another_key_does_not(signer: Signer, tmp_path: Path) -> None:
    other = FileSigner.open(tmp_path / "other.pem", signer.alg)

    assert not verify(other.public_jwk, b"message", signer.sign(b"message"))


def test_the_same_file_is_the_same_key(signer: Signer, tmp_path: Path) -> None:
    assert FileSigner.open(tmp_path / "key.pem", signer.alg).public_jwk == signer.public_jwk


def test_a_file_of_the_other_algorithm_is_refused(signer: Signer, tmp_path: Path) -> None:
    other = next(alg for alg in Alg if alg is not signer.alg)

    with pytest.raises(BadKey):
        FileSigner.open(tmp_path / "key.pem", other)


def test_a_token_signed_here_is_read_by_pyjwt(signer: Signer) -> None:
    def part(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    head = part(json.dumps({"alg": signer.alg.value, "kid": signer.kid}).encode())
    signed = head + b"." + part(b'{"sub":"e-resident"}')
    token = signed + b"." + part(signer.sign(signed))

    assert jwt.decode(token, jwt.PyJWK(signer.public_jwk), [signer.alg.value]) == {"sub": "e-resident"}


@pytest.mark.parametrize(
    ("jwk", "kid"),
    [
        (  # RFC 8037, appendix A.3
            {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        ),
        (  # RFC 7517, appendix A.1; hashed with `openssl dgst -sha256`
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
                "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            },
            "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s",
        ),
    ],
)
def test_a_key_is_named_by_its_thumbprint(jwk: dict[str, str], kid: str) -> None:
    assert thumbprint(jwk) == kid
    assert to_jwk(from_jwk(jwk)).items() >= {**jwk, "kid": kid}.items()


def test_the_signature_of_rfc_8037_verifies() -> None:
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"

    assert verify(jwk, signed, base64.urlsafe_b64decode(signature + "=="))


P256 = to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "OKP", "crv": "X25519", "x": P256["x"]},
        {"kty": "OKP", "crv": "Ed25519", "x": "AAAA"},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "EC", "crv": "P-384", "x": P256["x"], "y": P256["y"]},
        {"kty": "EC", "crv": "P-256", "x": P256["x"], "y": P256["x"]},
        {"kty": "EC", "crv": "P-256", "x": "AA" + P256["x"], "y": P256["y"]},
        {"kty": "EC", "crv": "P-256", "x": "*" + P256["x"][1:], "y": P256["y"]},
    ],
    ids=["empty", "secret", "x25519", "short", "no x", "p384", "off the curve", "long coordinate", "not base64url"],
)
def test_what_is_no_key_of_ours_is_refused(jwk: dict[str, str]) -> None:
    with pytest.raises(BadKey):
        verify(jwk, b"message", bytes(64))


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
    ids=["empty", "garbage", "rsa", "p384"],
)
def test_a_file_that_is_no_key_of_ours_is_refused(pem: bytes, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(pem)

    with pytest.raises(BadKey):
        FileSigner.open(tmp_path / "key.pem", Alg.ES256)


def test_a_key_file_is_its_owners_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    FileSigner.open(tmp_path / "keys" / "key.pem", Alg.EDDSA)

    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "keys" / "key.pem").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key.pem"]


_OPEN = """
import sys
from pathlib import Path
from proof.signer import Alg, FileSigner
sys.stdin.read()
print(FileSigner.open(Path(sys.argv[1]), Alg.ES256).kid)
"""


def test_processes_that_race_get_one_key(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, str(tmp_path / "keys" / "key.pem")],
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(6)
    ]
    for process in processes:  # all have started; closing their input lets them go
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None

    kids = {process.communicate(timeout=240)[0] for process in processes}

    assert len(kids) == 1
    assert kids != {b""}
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["key.pem"]


def test_who_comes_second_reads_what_the_first_wrote(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def make() -> bytes:
        path.write_bytes(b"first")  # another process finishes while we prepare ours
        return b"second"

    assert keyfile.read_or_create(path, make) == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
