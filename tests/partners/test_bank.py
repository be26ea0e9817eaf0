"""The bank outside keeps what it acknowledged, and misbehaves by plan."""

from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from simulators.bank import Bank, build
from simulators.faults import Faults

PAYMENT = {"reference": "wallet_1", "amount_minor": 5_00, "payer": {"name": "A PAYER"}, "repeat": 2}


def bank(folder: Path, answer: int = 202, **faults: Any) -> tuple[Bank, httpx.AsyncClient]:  # noqa: ANN401  any plan
    """Give a bank whose house answers `answer`, and its public side."""
    house = httpx.MockTransport(lambda _: httpx.Response(answer))
    made = Bank(
        folder, api=httpx.AsyncClient(transport=house, base_url="http://house"), code="b", faults=Faults(**faults)
    )
    app = cast("Any", build(made, works=False))
    return made, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bank")


@pytest.mark.asyncio
async def test_a_bank_that_is_killed_tells_what_it_had_acknowledged(tmp_path: Path) -> None:
    killed, public = bank(tmp_path)
    accepted = await public.post("/incoming-payments", json=PAYMENT)
    killed.books.close()

    again, _ = bank(tmp_path)
    await again.send()

    [message] = again.books.messages()
    assert message["id"] == accepted.json()["webhook_id"]
    assert [copy["outcome"] for copy in message["copies"]] == ["202", "202"]
    assert again.signer.public == killed.signer.public
    again.books.close()


@pytest.mark.asyncio
async def test_a_message_that_is_not_taken_stays_due(tmp_path: Path) -> None:
    made, public = bank(tmp_path, answer=503)
    await public.post("/incoming-payments", json=PAYMENT)

    await made.send()

    assert made.books.due(0) == []
    assert len(made.books.due(2**40)) == 2
    made.books.close()


@pytest.mark.asyncio
async def test_a_payment_id_is_one_payment_for_ever(tmp_path: Path) -> None:
    made, public = bank(tmp_path)
    named = {**PAYMENT, "payment_id": "P-1"}

    answers = [
        await public.post("/incoming-payments", json=body) for body in (named, named, {**named, "amount_minor": 6})
    ]

    assert [answer.status_code for answer in answers] == [202, 202, 409]
    made.books.close()


def test_the_same_seed_gives_the_same_trouble() -> None:
    plan = Faults(seed=3, drop=0.5)
    names = [f"msg/{number}" for number in range(200)]

    struck = [plan.strikes("drop", name) for name in names]

    assert struck == [plan.strikes("drop", name) for name in names]
    assert 60 < sum(struck) < 140
    assert not any(Faults(seed=3).strikes("drop", name) for name in names)
    assert all(Faults(seed=3, drop=1).strikes("drop", name) for name in names)
    assert struck != [Faults(seed=4, drop=0.5).strikes("drop", name) for name in names]


@pytest.mark.asyncio
async def test_a_stranger_cannot_place_an_order(tmp_path: Path) -> None:
    house = httpx.MockTransport(lambda _: httpx.Response(200, json={"keys": []}))
    made = Bank(tmp_path, api=httpx.AsyncClient(transport=house, base_url="http://house"), code="b")
    public = httpx.AsyncClient(
        transport=httpx.ASGITransport(cast("Any", build(made, works=False))), base_url="http://bank"
    )

    answer = await public.post("/placements", json={}, headers={"Idempotency-Key": "placement_1"})

    assert answer.status_code == 401
    assert made.books.deposit("placement_1") is None
    made.books.close()
