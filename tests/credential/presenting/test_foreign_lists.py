"""Status lists of foreign issuers: handed in, asked for on a schedule, believed as far as their issuer signed them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
import sqlalchemy
from litestar import Litestar

from app import clock, db
from app.house import House
from app.http import ids
from app.partners import status_lists
from residency.credential.check import NotVerified
from residency.credential.jws import b64
from residency.credential.presenting import foreign_lists
from residency.credential.presenting.judging import Answer, Broken, Told, Untold
from residency.credential.presenting.trust import Anchor
from residency.credential.sd_jwt import StatusReference
from residency.credential.status_list import Status
from simulators.foreign_lists import CWT, ForeignLists, Published, build
from tests.app import people
from tests.app.people import keyed
from tests.credential import made
from tests.credential.presenting import foreign
from tests.credential.presenting.foreign import NOW
from tests.credential.presenting.test_issuers import Office, abroad, office
from tests.partners import vendors

pytestmark = pytest.mark.asyncio
__all__ = ["office"]


@pytest.fixture(scope="module")
def lists() -> ForeignLists:
    return ForeignLists()


@pytest.fixture(scope="module")
def address(lists: ForeignLists) -> Iterator[str]:
    with vendors.running(build(lists)) as url:
        yield url


async def entry(office: Office, **changes: Any) -> Anchor:  # noqa: ANN401  JSON
    """Have the authority abroad believed; gives the entry as a verifier goes by it."""
    found = await office.believed(abroad(), **{"lists_at": None} | changes)
    known = {"id": ids.parse("foreign_issuer", found["id"]), "lists_at": found["lists_at"]}
    return foreign.anchor(certificates=(abroad().root,), **known)


async def told(
    house: House, anchor: Anchor, uri: str, idx: int = foreign.IDX, after: timedelta = timedelta(0)
) -> Answer:
    async with db.transaction(house.api) as story:
        return await foreign_lists.told(await story(), StatusReference(idx, uri), anchor, at=clock.real() + after)


@pytest.mark.parametrize("form", ["jwt", "cwt"])
async def test_a_token_that_is_handed_in_proves_itself(
    app: Litestar, client: httpx.AsyncClient, house: House, office: Office, form: str
) -> None:
    believed, uri = await entry(office, name=form), f"{foreign.URL}/status/{form}"
    assert await told(house, believed, uri) == Untold("foreign_list")
    partner = await people.token(app, "partner", scopes=frozenset({"presentation:ask"}))
    jwt = abroad().token(Status.SUSPENDED, at=NOW, uri=uri)
    cwt = abroad().cwt(Status.SUSPENDED, at=NOW, uri=uri)

    text = jwt if form == "jwt" else foreign.encoded(cwt)
    answer = await client.post("/v1/status-list-tokens", json={"token": text}, headers=keyed(partner))

    assert answer.status_code == 200, answer.text
    assert {"issuer": ids.show("foreign_issuer", _id(believed)), "uri": uri} in [
        {name: each[name] for name in ("issuer", "uri")} for each in answer.json()["lists"]
    ]
    assert await told(house, believed, uri) == Told(Status.SUSPENDED, NOW)
    assert await told(house, believed, uri, foreign.SIZE) == Broken("index_out_of_range")
    assert await told(house, believed, uri, after=timedelta(hours=7)) == Untold("list_expired")


def _id(anchor: Anchor) -> UUID:
    assert anchor.id is not None
    return anchor.id


async def test_an_older_token_undoes_nothing(house: House, office: Office) -> None:
    believed, uri = await entry(office, name="older"), f"{foreign.URL}/status/older"
    newer = abroad().token(Status.INVALID, at=NOW, uri=uri)
    older = abroad().token(Status.VALID, at=NOW - timedelta(minutes=30), uri=uri)

    for token in (newer, older):
        async with db.transaction(house.api) as story:
            await foreign_lists.bring(await story(), token.encode(), (believed,), at=clock.real())

    assert await told(house, believed, uri) == Told(Status.INVALID, NOW)


async def test_what_no_issuer_signed_is_not_taken(office: Office) -> None:
    await entry(office, name="not taken")
    stranger = foreign.abroad(made.AT - timedelta(days=400))
    cases = {
        "of a stranger": (stranger.token(at=NOW), "unknown_root"),
        "of a signer of documents, as a document": (abroad().sd_jwt().partition("~")[0], "unreadable_list"),
        "expired": (abroad().token(at=NOW - timedelta(hours=9)), "list_expired"),
        "of the future": (abroad().token(at=NOW + timedelta(hours=9)), "from_the_future"),
        "noise": ("a.b.c", "unreadable_list"),
        "of no address": (abroad().token(at=NOW, sub="javascript:1"), "unreadable_list"),
        "without an end": (abroad().token(at=NOW, exp=None), "unreadable_list"),
        "changed": (abroad().token(at=NOW)[:-8] + "AAAAAAAA", "bad_signature"),
        "no token": ("AAAA", "unreadable_list"),
    }

    refused = {}
    for name, (token, _) in cases.items():
        answer = await office.client.post(
            "/v1/officer/status-list-tokens", json={"token": token}, headers=keyed(office.first)
        )
        refused[name] = (answer.status_code, answer.json()["code"], answer.json()["detail"].split(": ")[-1])

    assert refused == {name: (422, "status_list_not_believed", f"{reason}.") for name, (_, reason) in cases.items()}


async def row(house: House, uri: str) -> Any:  # noqa: ANN401  a row
    async with db.transaction(house.worker) as story:
        found = await (await story()).execute(
            sqlalchemy.text("SELECT * FROM credential.foreign_list WHERE uri = :uri"), {"uri": uri}
        )
        return found.one_or_none()


@pytest.mark.parametrize("form", ["jwt", "cwt"])
async def test_a_list_that_a_document_names_is_asked_for_and_again(
    house: House, office: Office, lists: ForeignLists, address: str, form: str
) -> None:
    believed = await entry(office, name=f"asked {form}", lists_at=f"{address}/status/")
    uri = f"{address}/status/{form}"
    token = abroad().token(at=NOW, uri=uri).encode()
    lists.lists[form] = Published(token) if form == "jwt" else Published(abroad().cwt(at=NOW, uri=uri), CWT)

    assert await told(house, believed, uri) == Untold("not_asked_yet")
    assert await told(house, believed, uri) == Untold("not_asked_yet")  # it is asked for once
    assert await status_lists.step(house) >= 1

    assert await told(house, believed, uri) == Told(Status.VALID, NOW)
    assert [accept for name, accept in lists.asked if name == form] == [
        "application/statuslist+jwt, application/statuslist+cwt;q=0.9, application/pkix-crl;q=0.9"
    ]
    kept = await row(house, uri)
    assert timedelta(seconds=50) < kept.due_at - clock.real() <= timedelta(minutes=2)  # by its ttl
    assert (kept.tries, kept.trouble) == (0, None)


HALF = rb'{"sub": "https://list.example/1", "iat": 1, "exp": 2, "status_list": "\ud800"}'
BAD = {
    "absent": (Published(b"", status=404), "answered 404"),
    "a-page": (Published(b"<html>", "text/html"), "answered text/html where"),
    "noise": (Published(b"a.b.c"), "not believed: unreadable_list"),
    "half-a-character": (
        Published(f"{b64(b'{}')}.{b64(HALF)}.{b64(bytes(64))}".encode()),
        "not believed: unreadable_list",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_no_list_is_asked_for_later(
    house: House, office: Office, lists: ForeignLists, address: str, name: str
) -> None:
    believed, uri = await entry(office, name=name, lists_at=f"{address}/status/"), f"{address}/status/{name}"
    lists.lists[name] = BAD[name][0]
    await told(house, believed, uri)

    await status_lists.step(house)

    kept = await row(house, uri)
    assert kept.trouble.startswith(BAD[name][1])
    assert kept.due_at > clock.real()
    assert await told(house, believed, uri) == Untold("not_asked_yet")


async def test_a_list_of_another_address_is_not_taken_for_this_one(
    house: House, office: Office, lists: ForeignLists, address: str
) -> None:
    believed, uri = await entry(office, name="mixed up", lists_at=f"{address}/status/"), f"{address}/status/mixed"
    lists.lists["mixed"] = Published(abroad().token(at=NOW, uri=f"{address}/status/other").encode())
    await told(house, believed, uri)

    await status_lists.step(house)

    assert (await row(house, uri)).trouble == "not believed: other_list"


async def test_nobody_is_asked_for_an_issuer_that_is_not_believed_any_more(
    house: House, office: Office, lists: ForeignLists, address: str
) -> None:
    believed, uri = await entry(office, name="ended", lists_at=f"{address}/status/"), f"{address}/status/ended"
    lists.lists["ended"] = Published(abroad().token(at=NOW, uri=uri).encode())
    await told(house, believed, uri)
    await office.do(office.first, f"/{ids.show('foreign_issuer', _id(believed))}/end", {"reason": "compromised"})

    await status_lists.step(house)

    kept = await row(house, uri)
    assert (kept.token, kept.due_at) == (None, None)


async def test_a_list_outside_of_what_was_agreed_is_never_asked_for(
    house: House, office: Office, lists: ForeignLists, address: str
) -> None:
    believed = await entry(office, name="outside", lists_at=f"{address}/status/of-mine/")

    assert await told(house, believed, f"{address}/status/outside") == Untold("foreign_list")
    for name in ("a b", "é", "x" * 600):
        assert await told(house, believed, f"{address}/status/of-mine/{name}") == Untold("foreign_list")
    await status_lists.step(house)

    assert "outside" not in {name for name, _ in lists.asked}


async def test_what_nobody_names_any_more_is_asked_for_no_longer(
    house: House, office: Office, lists: ForeignLists, address: str
) -> None:
    believed, uri = await entry(office, name="quiet", lists_at=f"{address}/status/"), f"{address}/status/quiet"
    lists.lists["quiet"] = Published(abroad().token(at=NOW, uri=uri).encode())
    await told(house, believed, uri)
    async with db.transaction(house.worker) as story:
        [errand] = [
            each
            for each in await foreign_lists.claim(
                await story(), now=clock.real(), until=clock.real() + timedelta(minutes=1), limit=99
            )
            if each.uri == uri
        ]
        old = msgspec.structs.replace(errand, named_at=errand.named_at - timedelta(days=2))
        await foreign_lists.heard(await story(), old, lists.lists["quiet"].body, believed, at=clock.real())

    assert (await row(house, uri)).due_at is None
    assert await told(house, believed, uri) == Told(Status.VALID, NOW)
    assert (await row(house, uri)).due_at is not None  # it is needed again


@pytest.mark.parametrize("token", [b"", b"\xd2", b"\xd2\x80", b"\xff\xff", b"eyJ.eyJ.", "é.b.c".encode()])
async def test_what_does_not_read_is_no_token(token: bytes) -> None:
    with pytest.raises(NotVerified):
        foreign_lists.read(token)
