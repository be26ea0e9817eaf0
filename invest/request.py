"""Confirming a preview: the money is set aside in the wallet and the placement written, in one batch.

route      app/http/mobile/invest.py   POST /v1/invest/placements
confirms   app/partners/confirming.py  decide()
decides    invest/request.py           decide()     <- you are here
sets aside wallet/desk.py              place()
writes     invest/placement.py         insert()
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text

from invest import placement
from invest.consent import ConsentRequired
from invest.life import State
from invest.placement import Placement, Requested
from invest.preview import UnknownPreview
from invest.quote import Quote
from wallet.desk import Desk
from wallet.transfer import AccountId, Hold, HoldId, Reason, Refused


class PreviewExpired(Exception):
    """What was shown no longer stands: its time is over or the terms changed. Ask for a new preview."""


class PreviewUsed(Exception):
    """The preview was confirmed before; it makes one placement."""


class NotEnoughFree(Exception):
    """The free balance of the wallet is less than the amount."""


class NotSetAside(Exception):
    """The wallet can't set money aside for another cause: `reason` is the ledger's."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


Refusal = ConsentRequired | UnknownPreview | PreviewExpired | PreviewUsed | NotEnoughFree | NotSetAside


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """A resident confirms `preview`. `placement` is the id it gets, `wallet` the account that pays.

    `settlement` is the operator's account for the bank, on the same lane. `due_at` is the real clock.
    """

    placement: UUID
    preview: UUID
    holder: UUID
    wallet: AccountId
    settlement: AccountId
    actor: str
    due_at: datetime


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """The facts a confirmation is decided by: the preview and what became of it meanwhile."""

    holder: UUID
    product: UUID
    terms: UUID
    partner: UUID
    quote: Quote
    expires_at: datetime
    used: bool
    still_offered: bool
    consented: bool


async def request(desk: Desk, asked: Sequence[Confirmation]) -> Sequence[Placement | Refusal]:
    """Decide confirmations one after the other and write the placements, in the batch whose desk this is."""
    shown = await _load(desk, asked)
    await desk.load(account for item in asked for account in (item.wallet, item.settlement))
    answers: list[Placement | Refusal] = []
    for item in asked:
        taken = {made.preview for made in answers if isinstance(made, Placement)}
        refusal = decide(item, shown.get(item.preview), taken, desk.now)
        answers.append(refusal or _set_aside(desk, item, shown[item.preview]))
    made = [
        Requested(answer, item.actor, item.due_at)
        for item, answer in zip(asked, answers, strict=True)
        if isinstance(answer, Placement)
    ]
    await placement.insert(desk.db, made)
    return answers


def decide(item: Confirmation, shown: Shown | None, taken: set[UUID], now: datetime) -> Refusal | None:
    """Find what stands against a confirmation; the first rule that refuses gives the reason, None lets it pass."""
    if shown is None or shown.holder != item.holder:
        return UnknownPreview(item.preview)
    if shown.used or item.preview in taken:
        return PreviewUsed()
    if not shown.consented:
        return ConsentRequired()
    if now >= shown.expires_at or not shown.still_offered:
        return PreviewExpired()
    return None


def _set_aside(desk: Desk, item: Confirmation, shown: Shown) -> Placement | NotEnoughFree | NotSetAside:
    quote = shown.quote
    answer = desk.place(
        Hold(
            id=HoldId(item.placement),
            debit=item.wallet,
            credit=item.settlement,
            money=quote.principal,
            code="invest.placement",
            reference=str(item.placement),
        )
    )
    if isinstance(answer, Refused):
        return NotEnoughFree() if answer.reason is Reason.INSUFFICIENT_FUNDS else NotSetAside(answer.reason)
    return Placement(
        id=item.placement,
        holder=item.holder,
        preview=item.preview,
        product=shown.product,
        terms=shown.terms,
        partner=shown.partner,
        principal_minor=quote.principal.minor,
        interest_minor=quote.interest.minor,
        currency=quote.principal.currency,
        starts_on=quote.starts_on,
        matures_on=quote.matures_on,
        requested_at=desk.now,
        state=State.REQUESTED,
        version=1,
    )


async def _load(desk: Desk, asked: Sequence[Confirmation]) -> dict[UUID, Shown]:
    rows = await desk.db.execute(_SHOWN, {"previews": [item.preview for item in asked], "now": desk.now})
    return {row.id: msgspec.convert(row._asdict(), Shown) for row in rows}


_SHOWN = text(
    """
    SELECT preview.id, preview.holder, preview.product, preview.terms, product.partner, preview.quote,
           preview.expires_at,
           EXISTS (SELECT 1 FROM invest.placement WHERE placement.preview = preview.id) AS used,
           coalesce(newest.id = preview.terms AND newest.offered, false) AS still_offered,
           coalesce(said.given AND said.text_version = in_force.version, false) AS consented
    FROM invest.preview
    JOIN invest.product ON product.id = preview.product
    LEFT JOIN LATERAL (
        SELECT id, offered FROM invest.terms WHERE terms.product = preview.product AND valid_from <= :now
        ORDER BY version DESC LIMIT 1
    ) AS newest ON true
    LEFT JOIN LATERAL (
        SELECT given, text_version FROM invest.consent WHERE consent.holder = preview.holder
        ORDER BY version DESC LIMIT 1
    ) AS said ON true
    CROSS JOIN LATERAL (
        SELECT version FROM invest.consent_text WHERE valid_from <= :now ORDER BY version DESC LIMIT 1
    ) AS in_force
    WHERE preview.id = ANY(:previews)
    """
)
