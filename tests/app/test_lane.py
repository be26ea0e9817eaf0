"""Lanes as an operator adds them, and money between residents of two of them over HTTP."""

import httpx
import pytest
from litestar import Litestar

from app import anchor, outbox, verify
from app.house import House
from app.http import ids as public_ids
from app.settings import Settings
from tests.app import people
from tests.app.test_cli import eresidency, run, told
from wallet.crossing import twin


@pytest.mark.fresh
@pytest.mark.asyncio
async def test_residents_of_two_lanes_send_each_other_money_and_each_has_a_receipt(
    app: Litestar, client: httpx.AsyncClient, settings: Settings, database: str
) -> None:
    [payer] = await people.residents(app, 1)
    assert told(eresidency(settings, "lane", "add")) == [{"lane": 2}]
    assert told(eresidency(settings, "lane", "close", "1")) == [{"lane": 1}]
    [payee] = await people.residents(app, 1, start=2)
    before = await available(client, payee.access_token)

    sent = await people.send(client, payer, payee, 30)
    back = await people.send(client, payee, payer, 10)

    assert (sent.status_code, sent.json()["lane"]) == (201, 1)
    assert (back.status_code, back.json()["lane"]) == (201, 2)
    assert await available(client, payee.access_token) == before + 20_00
    arrived = public_ids.show("transfer", twin(public_ids.parse("transfer", sent.json()["id"])))
    for resident, transfer, lane in ((payer, sent.json()["id"], 1), (payee, arrived, 2)):
        receipt = await client.get(f"/v1/transfers/{transfer}/receipt", headers=people.bearer(resident.access_token))
        assert (receipt.status_code, receipt.json()["lane"]) == (200, lane)

    house: House = app.state.house
    while await outbox.step(house):
        pass
    assert await anchor.step(house) == 1
    keys = house.keys.audit.ever()
    assert [found for check in (verify.ledger, verify.audit) for found in check(database, *keys).findings] == []


def test_an_operator_is_told_what_cannot_be_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (("lane", "open", "77"), "there is no lane 77"),
        (("lane", "close", "1"), "no lane would be left"),
    ):
        assert run(monkeypatch, settings, *words, ERESIDENCY_ENVIRONMENT="test") == 2
        assert said in capsys.readouterr().err


async def available(client: httpx.AsyncClient, token: str) -> int:
    answer = await client.get("/v1/wallets/me", headers=people.bearer(token))
    found: int = answer.json()["available"]["amount_minor"]
    return found
