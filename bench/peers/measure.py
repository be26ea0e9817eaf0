"""What other libraries issue and verify a second, with the claims of bench/credential.py.

    build/peers/bin/python bench/peers/measure.py CLAIMS PORTRAIT_BYTES   ->   {"sd_jwt_issued": 1234.5, …}

Run in an environment of their own (bench/beside.py), since they drag in what the house avoids.
"""

import base64
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROUNDS, ROUND_S = 3, 0.4


def per_second(act: Callable[[], object]) -> float:
    """Repeat `act` for a while, several times over; the median says how often a second of CPU."""
    measured = []
    for _ in range(ROUNDS + 1):
        started, times = time.process_time(), 0
        while (elapsed_s := time.process_time() - started) < ROUND_S:
            act()
            times += 1
        measured.append(times / elapsed_s)
    return statistics.median(measured[1:])


def sd_jwt(claims: int, portrait: bytes) -> dict[str, float]:
    """Measure the sd-jwt of the Open Wallet Foundation."""
    issuer, verifier = (importlib.import_module(f"sd_jwt.{name}") for name in ("issuer", "verifier"))
    common, jwk = importlib.import_module("sd_jwt.common"), importlib.import_module("jwcrypto.jwk")
    key, holder = (jwk.JWK.generate(kty="EC", crv="P-256") for _ in range(2))
    picture = "data:image/jpeg;base64," + base64.b64encode(portrait).decode()
    concealed = {common.SDObj(f"claim_{number}"): f"value of {number}" for number in range(claims - 1)}
    told = {"iss": "https://id.example", common.SDObj("picture"): picture, **concealed}

    def issue() -> str:
        issued: str = issuer.SDJWTIssuer(told, key, holder_key=holder).sd_jwt_issuance
        return issued

    def verify() -> object:
        return verifier.SDJWTVerifier(copy, lambda *_: key).get_verified_payload()

    copy = issue()
    return {"sd_jwt_issued": per_second(issue), "sd_jwt_verified": per_second(verify)}


def pymdoccbor(claims: int, portrait: bytes) -> dict[str, float]:
    """Measure the pymdoccbor of IdentityPython."""
    issuer = importlib.import_module("pymdoccbor.mdoc.issuer")
    key = ec.generate_private_key(ec.SECP256R1())
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    signer = {"KTY": "EC2", "CURVE": "P_256", "ALG": "ES256", "D": secret, "KID": b"bench"}
    told = {f"claim_{number}": f"value of {number}" for number in range(claims - 1)} | {"portrait": portrait}
    validity = {"issuance_date": "2026-11-22", "expiry_date": "2027-02-20"}
    chain = [_certificate(key)]

    def issue() -> object:
        made = issuer.MdocCborIssuer(private_key=dict(signer), alg="ES256")
        return made.new(
            data={"org.example.bench.1": dict(told)},
            doctype="org.example.bench.1",
            validity=validity,
            x509_chain=chain,
            devicekeyinfo=_device(),
        )

    return {"mdoc_issued": per_second(issue)}


def _device() -> dict[Any, Any]:
    numbers = _HOLDER.public_numbers()
    return {1: 2, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}


_HOLDER = ec.generate_private_key(ec.SECP256R1()).public_key()


def _certificate(key: ec.EllipticCurvePrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=400))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)


def main(claims: int, portrait: bytes) -> None:
    """Measure each, and say of one that fails why."""
    told: dict[str, Any] = {}
    for measure in (sd_jwt, pymdoccbor):
        try:
            told |= measure(claims, portrait)
        except Exception as error:  # noqa: BLE001  whatever it is, the other peer is still to be measured
            told[measure.__name__] = f"{type(error).__name__}: {error}".partition("\n")[0]
    sys.stdout.write("\n" + json.dumps(told) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), os.urandom(int(sys.argv[2])))
