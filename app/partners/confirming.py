"""A resident confirms a placement: the passkey's answer is used up, the money set aside, the placement written.

route      app/http/mobile/invest.py    POST /v1/invest/placements
proves     app/auth/stepup.py           proven()
asks       app/partners/confirming.py   confirm()      <- you are here
decides    invest/request.py            request()
goes on    app/partners/placing.py      step()

The passkey's answer is checked before the batch; all the rest, and the answer to the request, is one transaction of
app/batch.py: who confirmed has a placement, and whoever was refused may send the same confirmation again.
"""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app import clock, ids
from app.account import consent
from app.account.consent import ConsentMissing
from app.allowance import Allowances, LimitReached, Restricted, Spend
from app.auth import confirmed, stepup
from app.auth.confirmed import Confirmations, Confirmed
from app.auth.principal import Principal
from app.batch import Render, Reply
from app.house import House
from app.idempotency_key import Claim
from app.partners.registry import Partner
from invest import request
from invest.placement import Placement
from invest.preview import Preview
from invest.request import Confirmation
from wallet.account import Purpose
from wallet.desk import Desk
from wallet.limit import Operation

#: What the resident's passkey signs for; app/auth/stepup.py knows the version of its text.
OPERATION = "invest.confirm"

Refusal = request.Refusal | confirmed.Refusal | ConsentMissing | Restricted | LimitReached


class Tap(msgspec.Struct, frozen=True):
    """What the resident does: an order to a partner, what it spends, and what was confirmed."""

    order: Confirmation
    partner: UUID
    spend: Spend
    confirmed: Confirmed


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
    proof = await stepup.proven(
        house.step_ups, house.settings, me, operation=OPERATION, shown=shown, confirmation=step_up
    )
    tap = Tap(order, partner.id, Spend(me.subject, Operation.INVEST, preview.quote.principal), proof)
    return await house.money.submit(decide, [tap], lanes=[home.lane], claim=claim, render=render)


async def decide(desk: Desk, asked: Sequence[Tap]) -> Sequence[Placement | Refusal]:
    """Decide taps one after the other: a verb for app/batch.py."""
    unasked = await consent.towards(desk.db, [(tap.order.holder, tap.partner) for tap in asked], at=desk.now)
    confirmations = await Confirmations.load(desk.db, (tap.confirmed for tap in asked))
    allowances = await Allowances.load(desk, (tap.spend for tap in asked))
    refused = [
        missing or confirmations.claim(tap.confirmed) or allowances.claim(tap.spend)
        for tap, missing in zip(asked, unasked, strict=True)
    ]
    passed = [tap for tap, refusal in zip(asked, refused, strict=True) if refusal is None]
    answers = iter(await request.request(desk, [tap.order for tap in passed]))
    decided = [next(answers) if refusal is None else refusal for refusal in refused]
    for tap, answer, refusal in zip(asked, decided, refused, strict=True):
        if isinstance(answer, Placement):
            confirmations.use(tap.confirmed)
        elif refusal is None:
            allowances.give_back(tap.spend)
    await confirmations.write()
    allowances.write()
    return decided
