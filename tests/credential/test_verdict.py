"""The stranger's verdict: a verifier that was written without us agrees with us about what proves nothing."""

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from proof.signer import FileSigner
from residency.credential import jws, pki, status_list
from residency.credential.configuration import vct
from residency.credential.dataset import Kind
from residency.credential.status_list import Status
from simulators import verdict as stranger
from simulators.verdict import Unknown, Verdict, Wanted
from tests.credential import made

pytestmark = pytest.mark.asyncio

NOW = datetime.now(UTC).replace(microsecond=0)
LIST_URL = f"{made.URL}/status-lists/{made.LIST}"
WANTED = Wanted(
    vct=vct(made.URL, Kind.E_RESIDENT),
    issuer=made.URL,
    claims=[["family_name"], ["age_equal_or_over", "18"]],
    audience=made.AUDIENCE,
    nonce=made.NONCE,
)
NAMES = ("family_name", "18")


def listed(status: int = Status.VALID, *, at: datetime | None = None, **seal: object) -> str:
    """Publish the list as it stands at `at`, or at this moment: it is good for minutes only."""
    lst = status_list.encode(status_list.pack({made.ENTRY.idx: status}, size=8_192))
    sealed = made.authority(NOW).status if not seal else made.sealed(**seal)  # type: ignore[arg-type]  # as given
    return status_list.token(lst, uri=LIST_URL, seal=sealed, issued_at=at or datetime.now(UTC))


async def judge(presentation: str, status: str | Exception | None = None) -> Verdict:
    async def fetch(url: str) -> str:
        assert url == LIST_URL
        if isinstance(status, Exception):
            raise status
        return status or listed()

    root = made.authority(NOW).root.certificate
    return await stranger.verdict(presentation, WANTED, root, fetch)


def presented(**changes: object) -> str:
    shown = made.shown(made.credential(NOW), NAMES)
    return made.bound(shown, **({"iat": int(time.time())} | changes))  # type: ignore[arg-type]  # claims of any type


def failed(verdict: Verdict) -> str:
    """Name the check that stopped it."""
    assert not verdict.accepted
    assert verdict.claims == {}
    return next(check.name for check in verdict.checks if check.outcome != "passed")


async def test_a_stranger_believes_what_was_published_and_nothing_else() -> None:
    verdict = await judge(presented())

    assert verdict.accepted, verdict
    assert verdict.claims == {"family_name": "MUSTERMANN", "age_equal_or_over": {"18": True}}
    assert [check.name for check in verdict.checks] == [
        "format", "type", "chain", "signature", "issuer", "digests", "validity", "holder_key",
        "audience", "nonce", "freshness", "asked_claims", "status",
    ]  # fmt: skip


async def test_after_the_first_failure_nothing_more_is_claimed_to_be_known() -> None:
    checks = (await judge(presented(aud="https://thief.example"))).checks

    assert [check.outcome for check in checks] == ["passed"] * 8 + ["failed"] + ["unknown"] * 4


@pytest.mark.parametrize("part", range(8))
async def test_no_part_can_be_changed(part: int) -> None:
    presentation = presented()
    signed, first, second, binding = presentation.split("~")
    parts = [*signed.split("."), first, second, *binding.split(".")]

    for place in (0, len(parts[part]) // 2, len(parts[part]) - 1):
        changed = list(parts)
        other = "A" if parts[part][place] != "A" else "B"
        changed[part] = parts[part][:place] + other + parts[part][place + 1 :]
        text = "~".join([".".join(changed[:3]), changed[3], changed[4], ".".join(changed[5:])])
        assert not (await judge(text)).accepted


_EXTRA, _EXTRA_DIGEST = made.hidden("salt", "name", "x")


def signed(*disclosures: str, **changes: object) -> str:
    payload = made.payload(exp=int(time.time()) + 1_000, **changes)
    return made.bound(made.resigned(payload, *disclosures, at=NOW), iat=int(time.time()))


def with_header(**header: object) -> str:
    return made.bound(made.resigned(made.payload(exp=int(time.time()) + 1_000), at=NOW, **header), iat=int(time.time()))


def _root_in_chain() -> str:
    der = made.authority(NOW).root.certificate.public_bytes(Encoding.DER)
    return with_header(x5c=[base64.b64encode(der).decode()])


REFUSED: dict[str, tuple[Callable[[], str], str]] = {
    "no binding": (lambda: made.shown(made.credential(NOW), NAMES), "holder_key"),
    "another key": (
        lambda: made.bound(made.shown(made.credential(NOW), NAMES), signer=FileSigner(made.key())),
        "holder_key",
    ),
    "another presentation": (lambda: presented(sd_hash="x"), "holder_key"),
    "another audience": (lambda: presented(aud="https://thief.example"), "audience"),
    "another nonce": (lambda: presented(nonce="yesterday"), "nonce"),
    "too old": (lambda: presented(iat=int(time.time()) - 400), "freshness"),
    "from the future": (lambda: presented(iat=int(time.time()) + 400), "freshness"),
    "too little": (lambda: made.bound(made.shown(made.credential(NOW), ["18"]), iat=int(time.time())), "asked_claims"),
    "another type": (lambda: signed(vct="urn:eudi:pid:1"), "type"),
    "another issuer": (lambda: signed(iss="https://other.example"), "issuer"),
    "no expiry": (lambda: made.bound(made.resigned(made.payload(exp=None), at=NOW)), "validity"),
    "unreferenced": (lambda: signed(_EXTRA), "digests"),
    "digest twice": (lambda: signed(_EXTRA, _sd=[_EXTRA_DIGEST, _EXTRA_DIGEST]), "digests"),
    "claim twice": (lambda: signed(_EXTRA, _sd=[_EXTRA_DIGEST], name="y"), "digests"),
    "wrong arity": (lambda: signed(_EXTRA, names=[{"...": _EXTRA_DIGEST}]), "digests"),
    "no algorithm": (lambda: with_header(alg="none"), "signature"),
    "keyed hash": (lambda: with_header(alg="HS256"), "signature"),
    "no chain": (lambda: with_header(x5c=None), "chain"),
    "another chain": (lambda: made.presented(NAMES), "chain"),
    "the root as leaf": (_root_in_chain, "chain"),
    "nonsense": (lambda: "nonsense", "format"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_stranger_refuses_what_we_refuse(case: str) -> None:
    make, check = REFUSED[case]

    assert failed(await judge(make())) == check


STATUS: dict[str, tuple[Callable[[], str | Exception], str, str]] = {
    "revoked": (lambda: listed(Status.INVALID), "failed", "revoked"),
    "suspended": (lambda: listed(Status.SUSPENDED), "failed", "suspended"),
    "expired": (lambda: listed(at=NOW - timedelta(hours=1)), "unknown", "expired"),
    "unreachable": (lambda: Unknown("no answer"), "unknown", "no answer"),
    "by a stranger": (
        lambda: listed(anchor=pki.root(made.key(), url=made.URL, at=NOW), typ=status_list.TYP, at=NOW),
        "failed",
        "no path",
    ),
    "another list": (
        lambda: made.authority(NOW).status.sign(jws.parse(listed()).payload | {"sub": "https://id.example/1"}),
        "failed",
        "another",
    ),
    "too short": (
        lambda: made.authority(NOW).status.sign(
            jws.parse(listed()).payload | {"status_list": {"bits": 2, "lst": "eNo76fITAAPfAgc"}}
        ),
        "failed",
        "beyond",
    ),
    "not a list": (lambda: made.credential(NOW).split("~")[0], "failed", "not a status list"),
}


@pytest.mark.parametrize("case", STATUS)
async def test_a_status_that_is_not_known_to_be_good_is_not_good(case: str) -> None:
    make, outcome, says = STATUS[case]

    verdict = await judge(presented(), make())

    assert failed(verdict) == "status"
    assert verdict.checks[-1].outcome == outcome
    assert says in verdict.checks[-1].says


async def test_a_status_list_elsewhere_is_never_fetched() -> None:
    status = {"status_list": {"idx": 1, "uri": "http://169.254.169.254/latest"}}
    text, digest = made.hidden("s", "family_name", "X")
    age, age_digest = made.hidden("s", "18", "yes")
    presentation = signed(text, age, status=status, _sd=[digest], age_equal_or_over={"_sd": [age_digest]})

    verdict = await judge(presentation)

    assert failed(verdict) == "status"
    assert "somewhere else" in verdict.checks[-1].says
