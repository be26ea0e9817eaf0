"""Numbers of persons over HTTP: sealed, shown to their owner only, and unique without telling anybody."""

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import db, ids
from tests.app.people import bearer, keyed, token

pytestmark = pytest.mark.asyncio

IDENTIFIERS = "/v1/identity/identifiers"
IIN = {"scheme": "iin", "country": "KZ", "value": "900101300017"}


async def test_a_number_is_named_listed_and_ended(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await token(app, "resident", of=ids.new())
    named = await client.post(IDENTIFIERS, json=IIN, headers=keyed(resident))
    again = await client.post(IDENTIFIERS, json=IIN, headers=keyed(resident))
    listed = (await client.get(IDENTIFIERS, headers=bearer(resident))).json()["identifiers"]
    ended = await client.post(f"{IDENTIFIERS}/{named.json()['id']}/end", headers=keyed(resident))
    anew = await client.post(IDENTIFIERS, json=IIN, headers=keyed(resident))

    assert (named.status_code, named.json()["shown"], named.json().get("value")) == (201, "…017", None)
    assert (again.status_code, again.json()["code"]) == (409, "identifier_named")
    assert [each["value"] for each in listed] == ["900101300017"]
    assert ended.json()["ended_at"]
    assert anew.status_code == 201


async def test_a_slip_is_found_and_an_e_iin_is_not_held_against_it(app: Litestar, client: httpx.AsyncClient) -> None:
    resident = await token(app, "resident", of=ids.new())
    slip = await client.post(IDENTIFIERS, json=IIN | {"value": "900101300018"}, headers=keyed(resident))
    abroad = await client.post(IDENTIFIERS, json=IIN | {"country": "TR"}, headers=keyed(resident))
    e_iin = {"scheme": "e_iin", "country": "KZ", "value": "900101300018"}
    other = await client.post(IDENTIFIERS, json=e_iin, headers=keyed(resident))

    assert [(each.status_code, each.json()["code"]) for each in (slip, abroad)] == [(422, "bad_identifier")] * 2
    assert other.status_code == 201


async def test_that_somebody_else_has_a_number_nobody_is_told(app: Litestar, client: httpx.AsyncClient) -> None:
    subjects = [ids.new(), ids.new()]
    first, second = [await token(app, "resident", of=each) for each in subjects]
    shared = {"scheme": "tax", "country": "ZW", "value": str(ids.new()).replace("-", "").upper()[:20]}
    answers = [await client.post(IDENTIFIERS, json=shared, headers=keyed(each)) for each in (first, second)]
    query = text("SELECT verdict, confidential FROM kyc.check WHERE resident = :who AND name = 'identifier.unique'")
    async with db.transaction(app.state.house.worker) as story:
        found = [(await (await story()).execute(query, {"who": each})).one() for each in subjects]

    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json().keys() == answers[1].json().keys()
    assert [row.verdict for row in found] == ["pass", "review"]
    assert all(row.confidential for row in found)


async def test_a_number_lies_nowhere_in_clear(app: Litestar, client: httpx.AsyncClient) -> None:
    subject = ids.new()
    resident = await token(app, "resident", of=subject)
    await client.post(IDENTIFIERS, json=IIN, headers=keyed(resident))
    async with db.transaction(app.state.house.worker) as story:
        connection = await story()
        row = (
            await connection.execute(text("SELECT * FROM kyc.identifier WHERE resident = :who"), {"who": subject})
        ).one()
        kept = await connection.scalar(
            text("SELECT convert_from(body, 'UTF8') FROM app.idempotency WHERE principal = :who"),
            {"who": f"resident:{subject}"},
        )

    assert b"900101300017" not in bytes(row.value) + bytes(row.blind)
    assert "900101300017" not in str(kept)
