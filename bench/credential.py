"""The resident's ID: issuing and verifying it, against OpenSSL's bare signatures on the same core in the same run.

The measured credential is a heavy one in both formats: fifteen concealed claims, one of them a portrait of 7 kB.
"""

import asyncio
import random
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from app.credentials import signing_keys
from app.credentials.key_place import Home
from app.credentials.signing_keys import Authority
from bench import beside
from bench.ground import Ground
from bench.row import Goal, Rounds, Row, row
from proof.kms import FileKms
from proof.signer import FileSigner
from residency.credential import disclosure, jws, key_binding, sd_jwt, status_list
from residency.credential.disclosure import Sd
from residency.credential.mdoc import issuing as mdoc_issuing
from residency.credential.mdoc import response
from residency.credential.mdoc.issuing import StatusEntry, Validity

BATCH = 10
PORTRAIT_BYTES = 7_000
CLAIMS = 15
ROUNDS = 5
ROUND_S = 0.4

_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
_URL = "https://id.example"
_VCT = f"{_URL}/credentials/bench/1"
_DOC_TYPE = "org.example.bench.1"
_OCCASION = key_binding.Occasion("https://bank.example", "nonce")
_LIST_SIZE = 2**20
_ISSUED, _VERIFIED, _BOUND = "SD-JWT VC issued", "SD-JWT VC verified", "SD-JWT VC with key binding verified"
_MDOC_ISSUED, _MDOC_VERIFIED = "mdoc issued", "mdoc verified"
_SIGN, _VERIFY, _VERIFY_TWICE = "sign", "verify", "verify, twice"


async def rows(ground: Ground) -> list[Row]:
    """Measure issuing one and ten, verifying, and building a status list."""
    return await asyncio.to_thread(_rows, ground)


def _rows(ground: Ground) -> list[Row]:
    kms = FileKms.open(ground.settings.keys / "kms")
    authority = signing_keys.opened(Home.of(ground.settings.keys / "credential", url=_URL, kms=kms), at=_AT)
    holder = FileSigner(ec.generate_private_key(ec.SECP256R1()))
    draw = random.Random(1242)
    claims = _claims(holder, draw)
    presentation = _presented(sd_jwt.issue(claims, seal=authority.documents), holder)
    mdoc = _Mdoc(authority, holder, draw)
    copy = mdoc.issue()
    acts: dict[str, Callable[[], object]] = {
        _ISSUED: lambda: sd_jwt.issue(claims, seal=authority.documents),
        _VERIFIED: lambda: sd_jwt.verify(presentation, _expected(authority, None)),
        _BOUND: lambda: sd_jwt.verify(presentation, _expected(authority, _OCCASION)),
        _MDOC_ISSUED: mdoc.issue,
        _MDOC_VERIFIED: lambda: response.verify_issuer_signed(copy, mdoc.expected),
    }
    rounds, library = _in_turns(acts)
    batch = _per_second(lambda: [(sd_jwt.issue(claims, seal=authority.documents), mdoc.issue()) for _ in range(BATCH)])
    revoked = {draw.randrange(_LIST_SIZE): 1 for _ in range(_LIST_SIZE // 100)}
    lists = _per_second(lambda: status_list.encode(status_list.pack(revoked, size=_LIST_SIZE)))
    measured = [
        msgspec.structs.replace(rounds.row(name, peer, goal=Goal(ratio_min=goal)), peer=f"{library} {peer}")
        for name, peer, goal in (
            (_ISSUED, _SIGN, 0.15),
            (_VERIFIED, _VERIFY, 0.25),
            (_BOUND, _VERIFY_TWICE, 0.25),
            (_MDOC_ISSUED, _SIGN, 0.12),
            (_MDOC_VERIFIED, _VERIFY, 0.25),
        )
    ]
    ours = {each.name: each.value for each in measured}
    return [
        *measured,
        row(f"batch of {BATCH} copies in both formats", 1_000 / batch, "ms", goal=Goal(value_max=5)),
        row("status list of 2^20, 1 % revoked", 1_000 / lists, "ms", goal=Goal(value_max=50)),
        *_beside(
            {"sd_jwt_issued": ours[_ISSUED], "sd_jwt_verified": ours[_VERIFIED], "mdoc_issued": ours[_MDOC_ISSUED]}
        ),
    ]


def _in_turns(acts: dict[str, Callable[[], object]]) -> tuple[Rounds, str]:
    """Measure everything once in each round, and OpenSSL with it; the second answer is whose signatures these were."""
    rounds, library = Rounds(), ""
    for _ in range(ROUNDS):
        library, signs, verifies = _peer()
        for name, value in ((_SIGN, signs), (_VERIFY, verifies), (_VERIFY_TWICE, verifies / 2)):
            rounds.add(name, value)
        for name, act in acts.items():
            rounds.add(name, _once(act))
    return rounds, library


#: What a library of others does that we do too: the row's name, and whose it is.
_OTHERS = {
    "sd_jwt_issued": ("SD-JWT VC issued, another library", "sd-jwt 0.10.4"),
    "sd_jwt_verified": ("SD-JWT VC verified, another library", "sd-jwt 0.10.4"),
    "mdoc_issued": ("mdoc issued, another library", "pymdoccbor 1.4.0"),
}


def _beside(ours: dict[str, float]) -> list[Row]:
    """Compare with the libraries that others build on; a row without a peer's value says why there is none."""
    try:
        told = beside.measured(CLAIMS, PORTRAIT_BYTES)
    except beside.Absent as absent:
        told = dict.fromkeys(_OTHERS, absent.why)
    rows = []
    for act, (name, peer) in _OTHERS.items():
        theirs = told.get(act, told.get(peer.partition(" ")[0].replace("-", "_"), "was not measured"))
        made = row(name, ours[act], "1/s", peer=(peer, theirs) if isinstance(theirs, float) else None)
        rows.append(made if made.peer else msgspec.structs.replace(made, peer=f"{peer}: {theirs}"))
    return rows


class _Mdoc:
    """The same data set as an mdoc: encoded once, as for a batch."""

    def __init__(self, authority: Authority, holder: FileSigner, draw: random.Random) -> None:
        elements = {f"claim_{number}": f"value of {number}" for number in range(CLAIMS - 1)}
        told = {**elements, "portrait": draw.randbytes(PORTRAIT_BYTES)}
        self._prepared = mdoc_issuing.prepare(_DOC_TYPE, _DOC_TYPE, told, slots=CLAIMS)
        self._holder = {name: holder.public_jwk[name] for name in ("crv", "kty", "x", "y")}
        self._seal = authority.cose_documents
        self._validity = Validity(_AT, _AT + timedelta(days=90))
        self._status = StatusEntry(1, f"{_URL}/status-lists/{UUID(int=1)}")
        self.expected = response.Expected((authority.root,), _DOC_TYPE, _AT, None)

    def issue(self) -> bytes:
        return mdoc_issuing.issue(
            self._prepared, self._holder, seal=self._seal, validity=self._validity, status=self._status
        )


def _claims(holder: FileSigner, draw: random.Random) -> dict[str, object]:
    names = [f"claim_{number}" for number in range(CLAIMS - 1)]
    key = {name: holder.public_jwk[name] for name in ("crv", "kty", "x", "y")}
    return {
        "iss": _URL,
        "vct": _VCT,
        "exp": int(_AT.timestamp()) + 86_400,
        "cnf": {"jwk": key},
        "status": {"status_list": {"idx": 1, "uri": f"{_URL}/status-lists/{UUID(int=1)}"}},
        "picture": Sd("data:image/jpeg;base64," + jws.b64(draw.randbytes(PORTRAIT_BYTES))),
        **{name: Sd(f"value of {name}") for name in names},
    }


def _presented(issued: str, holder: FileSigner) -> str:
    bound = {
        "aud": _OCCASION.audience,
        "nonce": _OCCASION.nonce,
        "iat": int(_AT.timestamp()),
        "sd_hash": disclosure.digest(issued),
    }
    return issued + jws.sign(holder, {"alg": "ES256", "typ": key_binding.TYP}, bound)


def _expected(authority: Authority, occasion: key_binding.Occasion | None) -> sd_jwt.Expected:
    return sd_jwt.Expected(roots=(authority.root,), vct=_VCT, at=_AT, occasion=occasion)


def _per_second(act: Callable[[], object]) -> float:
    """Repeat `act` for a while, several times over; the median says how often a second of CPU, as OpenSSL counts."""
    return statistics.median([_once(act) for _ in range(ROUNDS + 1)][1:])


def _once(act: Callable[[], object]) -> float:
    started, times = time.process_time(), 0
    while (elapsed_s := time.process_time() - started) < ROUND_S:
        act()
        times += 1
    return times / elapsed_s


def _peer() -> tuple[str, float, float]:
    """Measure bare P-256 signatures and verifications a second: OpenSSL's own, or the library's where it is absent."""
    if (openssl := shutil.which("openssl")) is not None:
        told = subprocess.run(
            [openssl, "speed", "-seconds", "1", "ecdsap256"], check=True, capture_output=True, text=True
        ).stdout
        if found := re.search(r"nistp256\)?\s+\S+s\s+\S+s\s+([\d.]+)\s+([\d.]+)", told):
            return "openssl", float(found[1]), float(found[2])
    key, algorithm = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    signature, public = key.sign(b"message", algorithm), key.public_key()
    signs = _per_second(lambda: key.sign(b"message", algorithm))
    return "cryptography", signs, _per_second(lambda: public.verify(signature, b"message", algorithm))
