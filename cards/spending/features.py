"""What a rule of risk may look at: a question, the card it is asked of, and what the card did before.

reads    cards/spending/velocity.py    Counters       what was spent, declined, and what is usual
judges   cards/rules/engine.py         rules over these names, and no others: cards/rules/condition.py
keeps    cards.decision                     with each decision, so that rules are tried on what was known then

Flat, without names of people or things but the merchant's and terminal's; numbers are whole. A field that is added
later needs a default: what is kept was written without it.
"""

from datetime import datetime, timedelta

import msgspec

from cards.card import Card
from cards.payments.message import Authorization
from cards.spending import distance
from cards.spending.habit import Habits
from cards.spending.histogram import Used
from cards.spending.velocity import Counters
from cards.spending.window import DAY, HOUR, QUARTER, THIRTY_DAYS, Period, Trailing, minute
from law import calendar

_HOME = "KZ"
_MORNING = 6
_FAST_MAX = 100_000


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts in minor units of the card's currency; `_15m`, `_1h`, `_24h`, `_30d` trail, `_today` is the calendar's.

    Counted is what was spent before this question. `deviation` says by how many hundredths of the usual deviation the
    amount differs from the usual one, `travel_kmh` how fast the card must have travelled since it was last present
    itself, `channel_percent` which part of its approvals came by this channel.
    """

    # the question
    amount_minor: int
    currency: str
    operation: str
    channel: str
    present: bool
    network: str
    merchant: str
    category: str
    country: str
    terminal: str
    original_currency: str
    estimated: bool
    increment: bool
    with_pin: bool
    with_chip: bool
    authenticated: bool
    tokenised: bool
    # the card
    form: str
    processor: str
    child: bool
    age_days: int
    # what was spent
    times_15m: int
    times_1h: int
    times_24h: int
    times_today: int
    amount_1h: int
    amount_24h: int
    amount_today: int
    amount_30d: int
    cash_amount_24h: int
    declines_15m: int
    declines_24h: int
    holder_times_1h: int
    holder_amount_24h: int
    holder_declines_15m: int
    # what is usual
    first_use: bool
    new_merchant: bool
    new_country: bool
    usual_amount: int
    deviation: int
    channel_percent: int
    # where and when
    abroad: bool
    country_changed: bool
    travel_kmh: int
    hour: int
    weekday: int
    night: bool


def features(asked: Authorization, card: Card, counters: Counters, now: datetime) -> Features:
    """Gather what is known when a question is asked; nothing is changed."""
    habits, merchant, shown = counters.habits(card.id), asked.merchant, asked.presented
    quarter, hour, day, month, today = _spent(counters, card)
    holder_quarter, holder_hour, holder_day = (
        counters.used_by_holder(card.id, window) for window in (QUARTER, HOUR, DAY)
    )
    changed, speed = _travelled(asked, habits, now)
    local = now.astimezone(calendar.ALMATY)
    return Features(
        amount_minor=asked.amount.minor,
        currency=str(asked.amount.currency),
        operation=asked.operation.value,
        channel=asked.channel.value,
        present=asked.present,
        network=asked.network,
        merchant=merchant.id,
        category=merchant.category,
        country=merchant.country,
        terminal=asked.terminal or "",
        original_currency=str(asked.original.currency if asked.original else asked.amount.currency),
        estimated=asked.estimated,
        increment=asked.increment,
        with_pin=shown.pin is not None,
        with_chip=shown.chip is not None,
        authenticated=shown.cavv is not None,
        tokenised=shown.token is not None,
        form=card.form.value,
        processor=card.processor,
        child=card.parent is not None,
        age_days=(now - card.ordered_at) // timedelta(days=1),
        times_15m=quarter.times,
        times_1h=hour.times,
        times_24h=day.times,
        times_today=today.times,
        amount_1h=hour.amount,
        amount_24h=day.amount,
        amount_today=today.amount,
        amount_30d=month.amount,
        cash_amount_24h=day.cash_amount,
        declines_15m=quarter.declines,
        declines_24h=day.declines,
        holder_times_1h=holder_hour.times,
        holder_amount_24h=holder_day.amount,
        holder_declines_15m=holder_quarter.declines,
        first_use=not habits.approvals,
        new_merchant=not habits.knows(merchant),
        new_country=merchant.country not in habits.countries,
        usual_amount=habits.usual,
        deviation=habits.deviation(asked.amount.minor),
        channel_percent=habits.share(asked.channel),
        abroad=merchant.country != _HOME,
        country_changed=changed,
        travel_kmh=speed,
        hour=local.hour,
        weekday=local.isoweekday(),
        night=local.hour < _MORNING,
    )


_WINDOWS: tuple[Trailing | Period, ...] = (QUARTER, HOUR, DAY, THIRTY_DAYS, Period.DAY)


def _spent(counters: Counters, card: Card) -> list[Used]:
    return [counters.used(card.id, window) for window in _WINDOWS]


def _travelled(asked: Authorization, habits: Habits, now: datetime) -> tuple[bool, int]:
    """Say whether a card that is present was last present in another country, and how fast it came from there."""
    if habits.last is None or not asked.present or habits.last[1] == asked.merchant.country:
        return False, 0
    then, where = habits.last
    apart = distance.km(where, asked.merchant.country)
    return True, min(apart * 60 // max(minute(now) - then, 1), _FAST_MAX)
