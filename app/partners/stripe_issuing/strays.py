"""What Stripe may have made without our ever hearing of it: found by the name we gave it, once its key is forgotten.

asks    app/cards/processing.py                   step()       a creation that was not answered as long as its key lasts
finds   app/partners/stripe_issuing/strays.py     made()       <- you are here

One that is there is taken for ours, as if it had just been answered; should there be more, the others are cancelled,
so that no card lives there that nobody knows here. What is not there was never made.
"""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.partners.stripe_issuing.client import told
from app.partners.stripe_issuing.issuer import StripeIssuing, issued
from cards.processing.command import CreateCardholder, IssueCard, ReplaceCard
from cards.processing.processor import Done, Issued, Refused, Status, Unknown, Why

_PAGE = 100
#: Their clock and ours may differ by this much.
_SLACK = timedelta(minutes=10)

Creation = CreateCardholder | IssueCard | ReplaceCard


async def made(
    issuer: StripeIssuing, asked: Creation, known: str, *, key: str, between: tuple[datetime, datetime]
) -> Done | Issued | Refused | Unknown:
    """Say what became of a creation that was tried `between` two instants; `key` names what is still to be done.

    `known` is Stripe's name for the cardholder of a new card, or for the card that is replaced.
    """
    client, before = issuer.client, None
    if isinstance(asked, CreateCardholder):
        listed = await told(_cardholders(issuer, asked.cardholder.id, between))
    elif isinstance(asked, IssueCard):
        listed = await told(_cards(issuer, known, asked.card, between))
    else:
        before = await told(client.api.v1.issuing.cards.retrieve_async(known, options=client.options()))
        if isinstance(before, Refused | Unknown):
            return _not_said(before)
        listed = await told(_cards(issuer, before.cardholder.id, asked.made, between))
    if isinstance(listed, Refused | Unknown):
        return _not_said(listed)
    if not listed:
        return Refused(Why.NOT_ANSWERED, "it was not made while its key lasted")
    first, *others = listed
    if isinstance(asked, CreateCardholder):
        return Done(first.id)
    for each in others:
        over = await issuer.set_status(each.id, Status.CLOSED, f"{key}-{each.id}")
        if not isinstance(over, Done):  # it lives, so this is not over: it is looked at again
            return _not_said(over)
    return issued(first) if before is None else await issuer.succeeded(before, first, f"{key}-found")


def _not_said(answer: Refused | Unknown) -> Unknown:
    """Take it that what was refused on the way says nothing of what was made."""
    return Unknown(answer.detail) if isinstance(answer, Refused) else answer


async def _cards(issuer: StripeIssuing, cardholder: str, ours: UUID, between: tuple[datetime, datetime]) -> list[Any]:
    """List the cards of somebody that live and bear our name, the oldest first."""
    params = {"cardholder": cardholder, "created": _created(between), "limit": _PAGE}
    listing = await issuer.client.api.v1.issuing.cards.list_async(params, issuer.client.options())
    found = [each async for each in _named(listing, "card", ours) if each.status != "canceled"]
    return sorted(found, key=_age)


async def _cardholders(issuer: StripeIssuing, ours: UUID, between: tuple[datetime, datetime]) -> list[Any]:
    params = {"created": _created(between), "limit": _PAGE}
    listing = await issuer.client.api.v1.issuing.cardholders.list_async(params, issuer.client.options())
    return sorted([each async for each in _named(listing, "cardholder", ours)], key=_age)


async def _named(listing: Any, kind: str, ours: UUID) -> AsyncIterator[Any]:  # noqa: ANN401  a list of the SDK
    async for each in listing.auto_paging_iter():
        if getattr(each.metadata, kind, None) == str(ours):
            yield each


def _age(one: Any) -> tuple[int, str]:  # noqa: ANN401  an object of the SDK
    return one.created, one.id


def _created(between: tuple[datetime, datetime]) -> dict[str, int]:
    first, last = between
    return {"gte": int((first - _SLACK).timestamp()), "lte": int((last + _SLACK).timestamp())}
