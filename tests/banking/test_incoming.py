"""Money in: instructions that lead to the wallet, the stages of a payment, what was promised and what is known now."""

from datetime import datetime

import pytest
from litestar import Litestar
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db
from app.banking import topup
from app.http import ids
from app.settings import Settings
from simulators.phone import Refused
from tests.app import people
from tests.banking.clients import forward, held, run
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import Outside

_FULL = 1_000_000_00


@pytest.mark.asyncio
async def test_a_payment_by_the_reference_or_the_address_of_a_topup_arrives(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 321) as me:
        told = await me.phone.post("/v1/topups", {"amount_minor": 700_00})
        assert told["fee"]["amount_minor"] == 0
        assert [each["rail"] for each in told["arrives"]] == ["imps", "ismt"]

        await out.pays(f"for {told['reference']} thanks", 700, payment_id="P-ref")
        await out.pays("no words", 300, payment_id="P-iban", iban=told["payee"]["iban"])
        await outside.settle(out.house)

        assert await held(me) == (_FULL + 1_000_00, 0)
        found = await me.phone.get(f"/v1/topups/{told['id']}")
        [came] = found["payments"]
        assert (came["stage"], came["late"]) == ("credited", False)
        assert [each["stage"] for each in came["stages"]] == ["received", "screened", "credited"]
        assert [each["stage"] for each in (await me.phone.get("/v1/incoming-payments"))["payments"]] == ["credited"] * 2


@pytest.mark.asyncio
async def test_an_address_that_belongs_to_nobody_is_no_address(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 322) as me:
        await out.pays("no words", 300, payment_id="P-stray", iban="KZ599990000000000001")
        await outside.settle(out.house)

        assert await held(me) == (_FULL, 0)


@pytest.mark.fresh
@pytest.mark.asyncio
async def test_an_announced_payment_is_promised_shown_as_late_and_corrected_by_the_truth(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 323) as me:
        wallet = ids.show("wallet", me.wallet)
        payment = {"reference": wallet, "amount_minor": 900_00, "payer": {"name": "A PAYER"}, "payment_id": "P-slow"}
        await out.public.post("/announcements", json=payment)
        await run(out, rounds=1)

        [shown] = (await me.phone.get("/v1/incoming-payments"))["payments"]
        assert (shown["stage"], shown["late"]) == ("announced", False)
        assert shown["expected"]["by"] == shown["promised_by"]

        await forward(out.house, minutes=30)
        late = await me.phone.get(f"/v1/incoming-payments/{shown['id']}")
        assert (late["late"], late["expected"]["why"]) == (True, "later_than_promised")
        assert late["expected"]["by"] > late["promised_by"] == shown["promised_by"]

        await out.pays(wallet, 900, payment_id="P-slow")
        await outside.settle(out.house)
        there = await me.phone.get(f"/v1/incoming-payments/{shown['id']}")
        assert (there["stage"], there["late"], there["expected"]) == ("credited", True, None)
        assert [each["stage"] for each in there["stages"]] == ["announced", "received", "screened", "credited"]

        api = outside.client(app, settings.issuer)
        regulator = people.bearer(await people.token(app, "regulator"))
        report = (await api.get("/v1/regulator/reports/promises", headers=regulator)).json()
        [incoming] = [each for each in report["promises"] if each["kind"] == "incoming"]
        assert (incoming["ended"], incoming["kept"], incoming["late_now"]) == (1, 0, 0)


@pytest.mark.asyncio
async def test_an_announcement_that_was_overtaken_changes_nothing(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 324) as me:
        wallet = ids.show("wallet", me.wallet)
        await out.pays(wallet, 100, payment_id="P-overtaken")
        await outside.settle(out.house)

        payment = {"reference": wallet, "amount_minor": 100_00, "payer": {"name": "A PAYER"}}
        await out.public.post("/announcements", json={**payment, "payment_id": "P-overtaken"})
        await run(out, rounds=1)

        [shown] = (await me.phone.get("/v1/incoming-payments"))["payments"]
        assert shown["stage"] == "credited"


@pytest.mark.asyncio
@pytest.mark.parametrize(("announced", "received"), [(500_000, 1), (1, 500_000)])
async def test_what_arrives_counts_whatever_was_announced(
    app: Litestar, settings: Settings, out: Outside, announced: int, received: int
) -> None:
    async with investor(app, settings, 327) as me:
        wallet, before, name = ids.show("wallet", me.wallet), await held(me), f"P-other-{announced}"
        payment = {"reference": wallet, "amount_minor": announced * 100, "payer": {"name": "A PAYER"}}
        await out.public.post("/announcements", json={**payment, "payment_id": name})
        await run(out, rounds=1)

        await out.pays(wallet, received, payment_id=name, rail="ismt")
        await outside.settle(out.house)

        assert await held(me) == (before[0] + received * 100, 0)
        shown = (await me.phone.get("/v1/incoming-payments"))["payments"][0]
        assert (shown["stage"], shown["amount"]["amount_minor"]) == ("credited", received * 100)
        assert shown["rail"] == "ismt"


@pytest.mark.asyncio
async def test_the_figures_of_what_arrived_stay_as_they_are(out: Outside) -> None:
    await out.pays("for nobody", 300, payment_id="P-kept")
    await outside.settle(out.house)

    with pytest.raises(DBAPIError, match="history is only added to"):
        async with db.transaction(out.house.worker) as story:
            await (await story()).execute(text("UPDATE app.incoming SET amount_minor = 1 WHERE payment_id = 'P-kept'"))


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "change", [{"payer": {"name": "ANOTHER PAYER"}}, {"iban": "KZ599990000000000001"}, {"rail": "ismt"}], ids=str
)
async def test_a_report_that_tells_another_payer_address_or_rail_is_no_repeat(
    out: Outside, change: dict[str, object]
) -> None:
    [changed] = change
    payment = {"reference": "for nobody", "amount_minor": 5_00, "currency": "KZT", "payment_id": f"P-told-{changed}"}

    for differs in ({}, {}, change):
        out.bank.tell("payment.received", {**payment, "payer": {"name": "A PAYER"}, **differs})
        await out.bank.send()
        await outside.settle(out.house)

    told = await outside.rows(out.house, "SELECT outcome FROM app.inbox ORDER BY received_at DESC, id DESC LIMIT 3")
    assert [row.outcome for row in reversed(told)] == [
        "suspended: no_wallet_matches",
        "repeated: suspended: no_wallet_matches",
        "another payment has this id",
    ]


@pytest.mark.asyncio
async def test_a_payment_to_somebody_else_is_not_shown(app: Litestar, settings: Settings, out: Outside) -> None:
    async with investor(app, settings, 325) as me, investor(app, settings, 326) as stranger:
        await out.pays(ids.show("wallet", me.wallet), 100)
        await outside.settle(out.house)
        [shown] = (await me.phone.get("/v1/incoming-payments"))["payments"]

        with pytest.raises(Refused, match="not_found"):
            await stranger.phone.get(f"/v1/incoming-payments/{shown['id']}")
        assert (await stranger.phone.get("/v1/incoming-payments"))["payments"] == []
        assert datetime.fromisoformat(shown["credited_at"]) <= datetime.fromisoformat(shown["promised_by"])


def test_a_reference_is_read_however_it_was_written() -> None:
    reference = topup.drawn()

    for written in (
        reference,
        topup.shown(reference),
        topup.shown(reference).lower().replace("-", " "),
        f"ROC/{reference}",
    ):
        assert reference in topup.read(written), written


def test_a_reference_with_a_wrong_or_swapped_character_is_nobody_s() -> None:
    reference = "7K3Q9TZCM2X"
    whole = reference + topup._check(reference)  # noqa: SLF001  the rule under test
    swapped = whole[1] + whole[0] + whole[2:]

    assert topup.read(whole) == [whole]
    for place in range(len(whole)):
        for char in "0123456789ABCDEFGHJKMNPQRSTVWXY":
            if char != whole[place] and (ord(char) - ord(whole[place])) % 31:
                wrong = whole[:place] + char + whole[place + 1 :]
                assert wrong not in topup.read(wrong) or _same(char, whole[place])
    assert swapped not in topup.read(swapped)


def _same(one: str, other: str) -> bool:
    """Say whether two digits are one remainder: there are 32, counted modulo 31."""
    return {one, other} == {"0", "Z"}
