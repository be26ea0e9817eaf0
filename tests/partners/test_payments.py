"""Money reported by a partner bank arrives once, whatever is repeated, and what matches nobody waits in suspense."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from litestar import Litestar

from app.http import ids
from app.partners import inbox, payments
from simulators.faults import Faults
from tests.app import people
from tests.partners import outside
from tests.partners.outside import CODE, Outside
from wallet.account import Purpose

WALLET = UUID("0192f7d0-6a4b-7c3e-9f1a-2b3c4d5e6f70")
SHOWN = ids.show("wallet", WALLET)


async def held(out: Outside, resident: UUID) -> int:
    return await outside.balance(out.house, Purpose.WALLET, holder=resident)


@pytest.mark.asyncio
async def test_a_payment_reported_three_times_arrives_once(app: Litestar, out: Outside) -> None:
    [resident] = await people.residents(app, 1, start=1)
    wallet, mirror = await held(out, resident.subject), await outside.balance(out.house, Purpose.BANK, CODE)

    await out.pays(people.wallet(resident), 500, repeat=3)
    await outside.settle(out.house)

    assert out.outcomes() == ["202", "202", "202"]
    assert await held(out, resident.subject) == wallet + 500_00
    assert await outside.balance(out.house, Purpose.BANK, CODE) == mirror - 500_00


@pytest.mark.asyncio
async def test_a_payment_told_again_under_another_webhook_id_arrives_once(app: Litestar, out: Outside) -> None:
    [resident] = await people.residents(app, 1, start=2)
    before = await held(out, resident.subject)

    for _ in range(3):
        await out.pays(people.wallet(resident), 500, payment_id="P-again")
        await outside.settle(out.house)

    assert await held(out, resident.subject) == before + 500_00
    assert [row.outcome for row in await told(out, "payment.received")] == [
        "credited",
        "repeated: credited",
        "repeated: credited",
    ]


@pytest.mark.asyncio
async def test_two_payments_under_one_id_are_not_both_believed(app: Litestar, out: Outside) -> None:
    [resident] = await people.residents(app, 1, start=3)
    before = await held(out, resident.subject)
    payment = {"reference": people.wallet(resident), "currency": "KZT", "payer": {"name": "A PAYER"}}

    for minor in (500_00, 900_00):
        out.bank.tell("payment.received", {**payment, "payment_id": "P-two", "amount_minor": minor})
        await out.bank.send()
        await outside.settle(out.house)

    assert await held(out, resident.subject) == before + 500_00
    assert [(row.state, row.outcome) for row in await told(out, "payment.received")] == [
        ("done", "credited"),
        ("parked", "another payment has this id"),
    ]


@pytest.mark.asyncio
async def test_money_that_matches_nobody_waits_in_suspense_for_an_officer(out: Outside) -> None:
    before = await outside.balance(out.house, Purpose.SUSPENSE)

    await out.pays("for the flat, thank you", 700, payment_id="P-nobody")
    await outside.settle(out.house)

    assert await outside.balance(out.house, Purpose.SUSPENSE) == before + 700_00
    [row] = await outside.rows(
        out.house, "SELECT holder, suspended_for FROM app.partner_payment WHERE payment_id = 'P-nobody'"
    )
    assert (row.holder, row.suspended_for) == (None, "no_wallet_matches")


@pytest.mark.asyncio
async def test_foreign_currency_is_parked_and_moves_nothing(app: Litestar, out: Outside) -> None:
    [resident] = await people.residents(app, 1, start=4)
    before = await held(out, resident.subject)

    await out.pays(people.wallet(resident), 500, currency="USD")
    await outside.settle(out.house)

    assert await held(out, resident.subject) == before
    assert [(row.state, row.outcome) for row in await told(out, "payment.received")] == [
        ("parked", "currency is not kept here")
    ]


@pytest.mark.asyncio
async def test_several_workers_credit_a_payment_once(app: Litestar, out: Outside) -> None:
    [resident] = await people.residents(app, 1, start=5)
    before = await held(out, resident.subject)
    for number in range(10):
        await out.pays(people.wallet(resident), 100, payment_id=f"P-crowd-{number % 5}")

    await asyncio.gather(*(inbox.step(out.house) for _ in range(4)))
    await outside.settle(out.house)

    assert await held(out, resident.subject) == before + 5 * 100_00


@pytest.mark.asyncio
async def test_through_all_faults_each_payment_arrives_once(app: Litestar, out: Outside) -> None:
    residents = await people.residents(app, 3, start=6)
    before = [await held(out, resident.subject) for resident in residents]
    out.bank.faults = Faults(seed=7, duplicate=0.5, reorder=0.5, bad_signature=0.3)

    for number in range(30):
        answer = await out.pays(
            people.wallet(residents[number % 3]), number + 1, payment_id=f"P-storm-{number}", repeat=2
        )
        assert answer.status_code == 202
    while any(outcome == "None" for outcome in out.outcomes()):
        await out.bank.send()
    await outside.settle(out.house)

    after = [await held(out, resident.subject) for resident in residents]
    owed = [sum(number + 1 for number in range(30) if number % 3 == place) * 100 for place in range(3)]
    assert [new - old for new, old in zip(after, before, strict=True)] == owed
    assert set(out.outcomes()) == {"202", "401"}


@pytest.mark.asyncio
async def test_the_resident_reads_of_it_in_the_feed(app: Litestar, out: Outside) -> None:
    [resident] = await people.residents(app, 1, start=9)
    await out.pays(people.wallet(resident), 500)
    await outside.settle(out.house)

    api = outside.client(app, out.house.settings.issuer)
    feed = await api.get("/v1/me/feed", headers=people.bearer(resident.access_token))

    [credited] = [event for event in feed.json()["events"] if event["type"] == "payment.credited"]
    assert credited["data"]["account"] == people.wallet(resident)
    assert credited["data"]["amount_minor"] == 500_00
    assert "A PAYER" not in feed.text


@pytest.mark.parametrize(
    "written",
    [
        SHOWN,
        SHOWN.upper().replace("_", " "),
        SHOWN.removeprefix("wallet_"),
        SHOWN.removeprefix("wallet_").lower(),
        f"top-up {SHOWN}, thanks",
        f"/ROC/{SHOWN.upper().replace('_', '')}",
        f"{SHOWN[:17]} {SHOWN[17:]}",
    ],
)
def test_a_wallet_is_found_however_its_id_was_written(written: str) -> None:
    assert WALLET in payments.candidates(written)


@pytest.mark.parametrize("written", ["", "rent", SHOWN[:-1], "U" * 26, "8" * 26, "ÄÖ" * 20])
def test_what_is_no_id_finds_nothing(written: str) -> None:
    assert WALLET not in payments.candidates(written)


async def told(out: Outside, kind: str) -> list[Any]:  # rows
    """List what became of this bank's messages, by their webhook ids, in the order they came."""
    ours = [message["id"] for message in out.bank.books.messages()]
    query = "SELECT kind, state, outcome FROM app.inbox WHERE webhook_id = ANY(:ours) AND kind = :kind ORDER BY id"
    return await outside.rows(out.house, query, ours=ours, kind=kind)
