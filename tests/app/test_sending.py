"""Sending money: what a confirmation and a standing allow, for one transfer and for its neighbours in the batch."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import ids, money, sending
from app.auth import stepup
from app.auth.confirmed import Required
from app.http import ids as public_ids
from app.idempotency_key import Stored
from app.sending import Payment, Sending
from app.settings import Settings
from law.money import KZT, Money
from tests.app.auth.people import principal
from tests.app.people import bearer, residents, send, token, wallet
from tests.partners import outside
from tests.partners.investors import Investor, investor
from wallet.transfer import AccountId, Post, Posted, Reason, Refused, TransferId

pytestmark = pytest.mark.asyncio

Json = dict[str, Any]
MUCH = 10**12


async def body(mine: Investor, to: str, minor: int, key: str) -> Json:
    """Give what the phone sends, confirmed."""
    shown = {"payee": to, "amount_minor": minor, "currency": "KZT", "idempotency_key": key}
    step_up = await mine.phone.step_up("transfer.send", shown)
    return {"to": to, "amount": {"amount_minor": minor, "currency": "KZT"}, "step_up": step_up}


async def used(app: Litestar, mine: Investor) -> int:
    query = "SELECT 1 FROM app.step_up WHERE subject = :holder AND used_at IS NOT NULL"
    return len(await outside.rows(app.state.house, query, holder=mine.resident))


async def spent(mine: Investor) -> int:
    return 1_000_000_00 - int((await mine.balance())["available"]["amount_minor"])


async def test_a_lost_answer_is_given_again_though_the_confirmation_is_used(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 301) as mine:
        [payee] = await residents(app, 1, start=302)
        asked = await body(mine, wallet(payee), 250_00, "k-lost")

        first, again = [await mine.phone.call("POST", "/v1/transfers", body=asked, key="k-lost") for _ in "12"]

        assert (first.status_code, again.status_code) == (201, 201), first.text
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        assert (await used(app, mine), await spent(mine)) == (1, 250_00)


async def test_what_is_not_sent_leaves_its_confirmation_unused(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 303) as mine:
        [payee] = await residents(app, 1, start=302)
        asked = await body(mine, wallet(payee), MUCH, "k-dear")

        refused = await mine.phone.call("POST", "/v1/transfers", body=asked, key="k-dear")

        assert refused.json()["code"] == "insufficient_funds"
        assert (await used(app, mine), await spent(mine)) == (0, 0)
        async with app.state.house.posting.connect() as connection:
            counter = text("SELECT sign_count FROM app.passkey WHERE subject = :holder")
            assert await connection.scalar(counter, {"holder": mine.resident}) == 0


async def test_one_confirmation_covers_a_list_and_a_bad_item_spoils_no_other(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 304) as mine:
        [payee] = await residents(app, 1, start=302)
        payments = [Payment(AccountId(payee.wallet), Money(minor, KZT)) for minor in (100, MUCH, 300)]
        shown = sending.shown(sending.MANY, payments, "k-list")
        asked = {
            "transfers": [{"to": wallet(payee), "amount": {"amount_minor": each.money.minor}} for each in payments],
            "step_up": await mine.phone.step_up(sending.MANY, dict(shown)),
        }

        answer = await mine.phone.post("/v1/transfers/bulk", asked, key="k-list")

        assert [each["refused"] for each in answer["answers"]] == [None, "insufficient_funds", None]
        assert (shown["transfers"], shown["amount_minor"]) == (3, MUCH + 400)
        assert (await used(app, mine), await spent(mine)) == (1, 400)


async def test_in_a_batch_what_is_refused_touches_no_neighbour(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 305) as mine, investor(app, settings, 306) as other:
        [payee] = await residents(app, 1, start=302)
        fine, dear, theirs = (Payment(AccountId(payee.wallet), Money(minor, KZT)) for minor in (100, MUCH, 400))
        step_up = await _confirmed(mine, fine)
        asked = [
            await _sending(app, mine, fine, step_up),
            await _sending(app, mine, dear, await _confirmed(mine, dear)),
            await _sending(app, mine, fine, step_up),
            await _sending(app, other, theirs, await _confirmed(other, theirs)),
            await _sending(app, mine, fine, None),
        ]

        answers = await _decided(app, asked)

        assert [type(answer) for answer in answers] == [Posted, Refused, Required, Posted, Required]
        assert answers[1] == Refused(Reason.INSUFFICIENT_FUNDS)
        assert [await spent(each) for each in (mine, other)] == [100, 400]
        assert [await used(app, each) for each in (mine, other)] == [1, 1]


async def _confirmed(by: Investor, payment: Payment) -> stepup.Confirmation:
    step_up = await by.phone.step_up(sending.ONE, dict(sending.shown(sending.ONE, [payment], "k")))
    return msgspec.convert(step_up, stepup.Confirmation)


async def _sending(app: Litestar, by: Investor, payment: Payment, confirmation: stepup.Confirmation | None) -> Sending:
    house, shown = app.state.house, sending.shown(sending.ONE, [payment], "k")
    proof = await stepup.proven(
        house.step_ups,
        house.settings,
        principal(by.phone),
        operation=sending.ONE,
        shown=shown,
        confirmation=confirmation,
    )
    transfer = TransferId(ids.new())
    post = Post(id=transfer, debit=AccountId(by.wallet), credit=payment.payee, money=payment.money, code="transfer")
    return Sending(post, proof)


async def _decided(app: Litestar, asked: Sequence[Sending]) -> list[sending.Answer]:
    """Let one batch decide, and give its answers as they are."""
    answered: list[sending.Answer] = []

    def render(found: Sequence[sending.Answer]) -> Stored:
        answered.extend(found)
        return Stored(200, b"")

    claim = money.claim("test", str(ids.new()), None)
    await app.state.house.money.submit(sending.decide, asked, lanes=[money.FIRST_LANE], claim=claim, render=render)
    return answered


async def test_a_crash_leaves_all_of_a_transfer_or_nothing_of_it(app: Litestar, settings: Settings) -> None:
    async with investor(app, settings, 307) as mine, app.state.house.posting.connect() as blocker:
        [payee] = await residents(app, 1, start=302)
        asked = await body(mine, wallet(payee), 250_00, "k-crash")
        # Whoever writes the answer to this key, which a batch does last, has to wait.
        await blocker.execute(text(_BLOCK), {"principal": f"resident:{mine.resident}"})
        tap = asyncio.create_task(mine.phone.post("/v1/transfers", asked, key="k-crash"))
        waiting = await outside.waiting(blocker)

        await blocker.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": waiting})
        while await outside.waiting(blocker) == waiting:
            pass
        assert (await used(app, mine), await spent(mine)) == (0, 0)
        await blocker.rollback()

        made = await tap
        assert (await used(app, mine), await spent(mine)) == (1, 250_00)
        assert await mine.phone.post("/v1/transfers", asked, key="k-crash") == made


async def test_who_is_no_e_resident_any_more_takes_money_out_and_is_sent_none(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    leaving, staying = await residents(app, 2, start=310)
    officer = await token(app, "officer")
    held = f"/v1/officer/residents/{public_ids.show('resident', leaving.subject)}/statuses"
    [status] = (await client.get(held, headers=bearer(officer))).json()["statuses"]

    for act, reason in (("suspend", "not_confirmed"), ("revoke", "not_confirmed")):
        change = f"/v1/officer/statuses/{status['id']}/changes"
        said = {"act": act, "reason_code": reason}
        changed = await client.post(change, json=said, headers=bearer(officer, idempotency_key=str(ids.new())))
        assert changed.status_code == 201, changed.text
        out, back = await send(client, leaving, staying, 5), await send(client, staying, leaving, 5)

        assert out.status_code == 201, out.text
        assert (back.status_code, back.json()["code"]) == (422, "payee_unavailable")


_BLOCK = """
    INSERT INTO app.idempotency (principal, key, request_hash, status, body)
    VALUES (:principal, 'k-crash', sha256(''), 200, '')
"""
