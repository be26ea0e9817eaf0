"""Lists of revoked signers of foreign issuers: what they say, how they come here, and what a verdict makes of them."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Litestar

from app import clock, db
from app.credentials import trusted
from app.house import House
from app.http import ids
from app.partners import status_lists
from residency.credential import jws, pki
from residency.credential.check import Check, NotVerified
from residency.credential.presenting import bundle, foreign_crl, foreign_lists, judging
from residency.credential.presenting.judging import (
    NO_LIST,
    Answer,
    Answers,
    Checked,
    Conclusion,
    Outcome,
    Signer,
    Told,
    Untold,
    Verdict,
)
from residency.credential.presenting.trust import Anchor, Trust
from residency.credential.status_list import Status
from simulators.foreign_lists import ForeignLists, Published, build
from tests.app import people
from tests.app.people import keyed
from tests.credential import made
from tests.credential.presenting import foreign
from tests.credential.presenting.foreign import NOW
from tests.credential.presenting.test_bundle import entry as listed
from tests.credential.presenting.test_issuers import Office, abroad, office
from tests.credential.presenting.test_judging import asked
from tests.credential.test_pki import below
from tests.partners import vendors

__all__ = ["office"]
AT = f"{foreign.URL}/iaca.crl"
BY = foreign.abroad()
[SIGNER, *_] = BY.documents.chain
PATH = (SIGNER, BY.root)
DAY = timedelta(days=1)


def scoped(**only: bool) -> bytes:
    """Write a list that says of which part of what the root signed it speaks, and where it lies."""
    flags = ("only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs")
    scope = x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(AT)],
        relative_name=None,
        only_some_reasons=None,
        **dict.fromkeys(flags, False) | only,
    )
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(BY.root.subject)
        .last_update(made.AT)
        .next_update(made.AT + DAY)
        .add_extension(scope, critical=True)
    )
    return builder.sign(BY.authority.key, hashes.SHA256()).public_bytes(Encoding.DER)


SAYS: dict[str, tuple[Callable[[], bytes], Status | str]] = {
    "nobody": (BY.crl, Status.VALID),
    "the signer": (lambda: BY.crl(SIGNER), Status.INVALID),
    "another signer": (lambda: BY.crl(BY.statuses.chain[0]), Status.VALID),
    "of another root": (foreign.abroad(NOW).crl, "other_authority"),
    "of another root, with this number": (lambda: foreign.abroad(NOW).crl(SIGNER), "other_authority"),
    "that ended": (lambda: BY.crl(at=made.AT - 91 * DAY), "list_expired"),
    "that ended, with the signer": (lambda: BY.crl(SIGNER, at=made.AT - 91 * DAY), Status.INVALID),
    "of the whole, with its place": (scoped, Status.VALID),
    "of a part": (lambda: scoped(only_contains_attribute_certs=True), "partial_list"),
    "of others": (lambda: scoped(indirect_crl=True), "partial_list"),
    "noise": (lambda: b"\x30noise", "unreadable_list"),
}


@pytest.mark.parametrize("case", SAYS)
def test_a_list_speaks_for_its_own_authority(case: str) -> None:
    write, expected = SAYS[case]

    def said() -> Status | str:
        try:
            return foreign_crl.look_up(write(), PATH, at=made.AT)
        except NotVerified as error:
            return error.reason

    assert said() == expected


def test_of_a_longer_path_every_step_is_to_be_known() -> None:
    middle = below(BY.authority, authority=True, signs=True)
    leaf = below(middle, authority=False, signs=True).certificate
    path = (leaf, middle.certificate, BY.root)

    assert foreign_crl.look_up(BY.crl(middle.certificate), path, at=made.AT) is Status.INVALID
    with pytest.raises(NotVerified, match="other_authority"):
        foreign_crl.look_up(BY.crl(), path, at=made.AT)


def judged(anchor: Anchor, told: Answer | None) -> Verdict:
    """Judge a foreign document whose status is good, knowing of its signer what was `told`."""
    wanted = {"id": "id", "format": "dc+sd-jwt", "meta": {"vct_values": [foreign.VCT]}}
    request = asked(wanted)
    shown = made.bound(BY.sd_jwt(), aud=request.client_id, nonce=request.nonce)
    presented = judging.read({"id": [shown]}, request, Trust((anchor,), made.AT))
    [one] = presented["id"]
    assert one.entry is not None
    statuses: Answers = {one.entry: Told(Status.VALID, made.AT)}
    if told is not None and one.signer is not None:
        assert one.signer == Signer(anchor.id, PATH)
        statuses = {**statuses, one.signer: told}
    return judging.conclude(presented, request.query, statuses, at=made.AT)


KEEPS = foreign.anchor(crl_at=AT)
VERDICTS: dict[str, tuple[Anchor, Answer | None, Conclusion, tuple[Outcome, str | None, int | None]]] = {
    "good": (KEEPS, Told(Status.VALID, made.AT - DAY), Conclusion.ACCEPTED, (Outcome.PASSED, None, 86_400)),
    "revoked": (KEEPS, Told(Status.INVALID, made.AT), Conclusion.REJECTED, (Outcome.FAILED, "revoked", 0)),
    "not here yet": (
        KEEPS,
        Untold("not_asked_yet"),
        Conclusion.STATUS_UNKNOWN,
        (Outcome.UNKNOWN, "not_asked_yet", None),
    ),
    "not asked": (KEEPS, None, Conclusion.STATUS_UNKNOWN, (Outcome.UNKNOWN, "not_asked", None)),
    "no list is known": (
        foreign.anchor(),
        Untold(NO_LIST),
        Conclusion.ACCEPTED,
        (Outcome.UNKNOWN, NO_LIST, None),
    ),
    "pinned itself": (
        foreign.anchor(certificates=(SIGNER,), crl_at=AT),
        None,
        Conclusion.ACCEPTED,
        (Outcome.PASSED, None, None),
    ),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_a_verdict_says_what_is_known_of_the_signer(case: str) -> None:
    anchor, told, conclusion, expected = VERDICTS[case]

    verdict = judged(anchor, told)

    [one] = verdict.credentials
    assert verdict.conclusion is conclusion
    assert Checked(Check.SIGNER, *expected) in one.checks
    assert [each.check for each in one.checks] == list(Check)
    others = {each.outcome for each in one.checks if each.check not in {Check.SIGNER, Check.STATUS}}
    assert others == {Outcome.PASSED}
    status = Outcome.UNKNOWN if conclusion is Conclusion.REJECTED else Outcome.PASSED
    assert one.checks[-1].outcome is status


@pytest.mark.parametrize(
    ("revoked", "kept", "expected"),
    [
        ((), True, Told(Status.VALID, made.AT)),
        ((SIGNER,), True, Told(Status.INVALID, made.AT)),
        ((), False, Untold("not_in_the_bundle")),
    ],
)
def test_a_bundle_takes_the_list_along(revoked: tuple[x509.Certificate, ...], kept: bool, expected: Answer) -> None:
    own = made.authority().root.certificate
    tokens = [bundle.StatusToken.of(AT, BY.crl(*revoked), made.LIST)] if kept else []
    whole = bundle.made(made.URL, (own,), (listed(crl_at=AT),), tokens, at=made.AT)
    [_, issuer] = bundle.trust_of(whole, (own,), on=made.AT.date(), at=made.AT).anchors

    assert issuer.crl_at == AT
    assert bundle.vouched(whole, Signer(issuer.id, PATH), issuer, at=made.AT) == expected


@pytest.fixture(scope="module")
def lists() -> ForeignLists:
    return ForeignLists()


@pytest.fixture(scope="module")
def address(lists: ForeignLists) -> Iterator[str]:
    with vendors.running(build(lists)) as url:
        yield url


async def entry(office: Office, **changes: Any) -> Anchor:  # noqa: ANN401  JSON
    """Have the authority abroad believed; gives the entry as a verifier goes by it."""
    found = await office.believed(abroad(), **changes)
    known = {"id": ids.parse("foreign_issuer", found["id"]), "crl_at": found["crl_at"]}
    return foreign.anchor(certificates=(abroad().root,), **known)


async def vouched(house: House, anchor: Anchor) -> Answer:
    signer = Signer(anchor.id, (abroad().documents.chain[0], abroad().root))
    async with db.transaction(house.api) as story:
        return await foreign_lists.vouched(await story(), signer, anchor, at=clock.real())


@pytest.mark.asyncio
async def test_a_list_that_is_handed_in_proves_itself(
    app: Litestar, client: httpx.AsyncClient, house: House, office: Office
) -> None:
    place = f"{foreign.URL}/handed-in.crl"
    believed = await entry(office, name="Handed in", crl_at=place)
    partner = await people.token(app, "partner", scopes=frozenset({"presentation:ask"}))
    assert await vouched(house, await entry(office, name="Keeps none")) == Untold(NO_LIST)
    assert await vouched(house, believed) == Untold("not_asked_yet")

    async def handed_in(raw: bytes) -> httpx.Response:
        body = {"token": jws.b64(raw)}
        return await client.post("/v1/status-list-tokens", json=body, headers=keyed(partner))

    strange = pki.root(made.key(), url=foreign.URL, at=NOW)
    forged = pki.revoked(strange, {}, number=1, at=NOW).public_bytes(Encoding.DER)
    for raw in (forged, b"0noise", abroad().crl(at=NOW - 91 * DAY)):
        assert (await handed_in(raw)).status_code == 422
    first = await handed_in(abroad().crl(at=NOW - DAY))
    assert first.status_code == 200, first.text
    assert place in {each["uri"] for each in first.json()["lists"]}
    assert await vouched(house, believed) == Told(Status.VALID, NOW - DAY)
    await handed_in(abroad().crl(abroad().documents.chain[0], at=NOW))
    await handed_in(abroad().crl(at=NOW - DAY))  # who replays an older one undoes nothing
    assert await vouched(house, believed) == Told(Status.INVALID, NOW)


@pytest.mark.asyncio
async def test_a_list_is_asked_for_where_its_issuer_keeps_it(
    house: House, office: Office, lists: ForeignLists, address: str
) -> None:
    believed = await entry(office, name="Asked", crl_at=f"{address}/status/signers")
    # In its place lies what a signer of statuses could have put there.
    lists.lists["signers"] = Published(abroad().token(at=NOW, uri=f"{address}/status/signers").encode())

    assert await vouched(house, believed) == Untold("not_asked_yet")
    await status_lists.step(house)
    assert await vouched(house, believed) == Untold("not_asked_yet")

    lists.lists["again"] = Published(abroad().crl(at=NOW), foreign_crl.MEDIA_TYPE)
    another = await entry(office, name="Asked again", crl_at=f"{address}/status/again")
    await vouched(house, another)
    await status_lists.step(house)
    assert await vouched(house, another) == Told(Status.VALID, NOW)


@pytest.mark.asyncio
async def test_a_verdict_asks_for_the_list_of_who_signed(house: House, office: Office) -> None:
    believed = await entry(office, name="Asked by a verdict", crl_at=f"{foreign.URL}/verdict.crl")
    path = (abroad().documents.chain[0], abroad().root)
    presented = judging.Presented(issuer=believed, path=path)

    async with db.transaction(house.api) as story:
        by = house.credentials.authority
        told = await trusted.statuses(await story(), by, {"id": (presented,)}, now=clock.real())

    assert told == {Signer(believed.id, path): Untold("not_asked_yet")}
