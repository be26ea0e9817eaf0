"""A resident confirms a placement: the passkey's answer is used up, the money set aside, the placement written.

route      app/http/mobile/invest.py    POST /v1/invest/placements
asks       app/partners/confirming.py   confirm()      <- you are here
decides    invest/request.py            request()
goes on    app/partners/placing.py      step()

All of it, and the answer to the request, is one transaction of app/batch.py: who confirmed has a placement, and whoever
was refused may send the same confirmation again.
"""

from collections.abc import Sequence
from typing import get_args

import msgspec

from app import clock, ids
from app.auth import passkey, stepup
from app.auth.principal import Principal
from app.batch import Render, Reply
from app.house import House
from app.http.ids import UnknownId
from app.idempotency_key import Claim
from app.partners.registry import Partner
from app.settings import Settings
from invest import request
from invest.placement import Placement
from invest.preview import Preview
from invest.request import Confirmation
from wallet.account import Purpose
from wallet.desk import Desk

#: What the resident's passkey signs for; app/auth/stepup.py knows the version of its text.
OPERATION = "invest.confirm"

Refusal = request.Refusal | UnknownId | stepup.Required | stepup.Mismatch | passkey.Refused
_REFUSALS: tuple[type[Exception], ...] = get_args(Refusal)


class Tap(msgspec.Struct, frozen=True):
    """What the resident does: an order, and the passkey's answer over `shown`, which is what the order does."""

    order: Confirmation
    me: Principal
    shown: stepup.Shown
    step_up: stepup.Confirmation | None
    settings: Settings


async def confirm(
    house: House,
    me: Principal,
    preview: Preview,
    partner: Partner,
    *,
    shown: stepup.Shown,
    step_up: stepup.Confirmation | None,
    claim: Claim,
    render: Render,
) -> Reply:
    """Confirm `preview`, shown to the person as `shown`; `render` gets the Placement or the Refusal."""
    home = await house.money.wallet(me.subject)
    order = Confirmation(
        placement=ids.new(),
        preview=preview.id,
        holder=me.subject,
        wallet=home.account,
        settlement=await house.money.operator(Purpose.INVEST_SETTLEMENT, lane=home.lane, label=partner.code),
        actor=me.actor,
        due_at=clock.real(),
    )
    tap = Tap(order, me, shown, step_up, house.settings)
    return await house.money.submit(decide, [tap], lanes=[home.lane], claim=claim, render=render)


async def decide(desk: Desk, asked: Sequence[Tap]) -> Sequence[Placement | Refusal]:
    """Decide taps one after the other: a verb for app/batch.py."""
    return [await _decide(desk, tap) for tap in asked]


async def _decide(desk: Desk, tap: Tap) -> Placement | Refusal:
    try:
        # To a savepoint: a refused order leaves the confirmation as good as it was.
        async with desk.db.begin_nested():
            await stepup.redeem(
                desk.db, tap.settings, tap.me, operation=OPERATION, shown=tap.shown, confirmation=tap.step_up
            )
            [answer] = await request.request(desk, [tap.order])
            if not isinstance(answer, Placement):
                raise answer
            return answer
    except _REFUSALS as refusal:
        return refusal  # type: ignore[return-value]  # mypy can't see that these are the members of Refusal
