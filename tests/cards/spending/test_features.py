"""What rules look at: the features of a question, and how far a card can have travelled."""

from datetime import UTC, datetime, timedelta

import pytest

from app import ids
from cards.card import Card
from cards.payments.message import Authorization, Channel
from cards.payments.payment import Merchant
from cards.proofs.presented import Bytes, Cavv, PinBlock, Presented
from cards.spending import distance
from cards.spending.features import Features, features
from cards.spending.habit import Habits
from cards.spending.velocity import Counters
from law.money import Currency
from law.money import Money as Amount
from tests.cards import made
from tests.cards.spending.test_velocity import Clock
from tests.wallet.ledgers import kzt

#: 02:30 of a Sunday in Kazakhstan.
NIGHT = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)


class Used:
    """A card that is used, and what is known of it then."""

    def __init__(self) -> None:
        self.card: Card = made.card(parent=ids.new(), ordered_at=NIGHT - timedelta(days=9, hours=1))
        self.now = NIGHT
        self._row: list[object] = [self.card.id, self.card.id, 1, self.card.holder, None, "KZT", *[None] * 8]

    def at(self, minutes: int = 0, **other: object) -> Features:
        """Ask so many minutes later; what is asked is approved."""
        self.now += timedelta(minutes=minutes)
        asked = self._asked(**other)
        counters = Counters(Clock(self.now), [self._row])
        found = features(asked, self.card, counters, self.now)
        counters.count(self.card.id, kzt(0), asked.amount, self.now)
        counters.note(self.card.id, asked, approved=True)
        kept = counters._spenders[self.card.id]  # noqa: SLF001  what `write` would store
        assert kept.own.habits is not None
        self._row[6:9] = kept.own.histogram.encode(), kept.own.habits.encode(), kept.holder.histogram.encode()
        return found

    def _asked(self, **other: object) -> Authorization:
        country, shop = other.pop("country", "KZ"), other.pop("shop", "M-1")
        merchant = Merchant(name="Shop", id=str(shop), category="5942", country=str(country))
        tenge = other.pop("tenge", 100)
        return made.question(self.card, int(str(tenge)), merchant=merchant, **other)  # type: ignore[arg-type]  # fields by name


def test_the_first_use_knows_nothing() -> None:
    first = Used().at()

    assert (first.first_use, first.new_merchant, first.new_country) == (True, True, True)
    assert (first.deviation, first.usual_amount, first.channel_percent, first.times_24h) == (0, 0, 0, 0)
    assert (first.child, first.age_days, first.abroad) == (True, 9, False)


def test_what_was_done_before_is_known_and_fades() -> None:
    used = Used()
    used.at()

    soon, later = used.at(5), used.at(70, shop="M-2")

    assert (soon.first_use, soon.new_merchant, soon.times_15m, soon.amount_1h) == (False, False, 1, 100_00)
    assert (soon.holder_times_1h, soon.holder_amount_24h) == (1, 100_00)
    assert (later.new_merchant, later.times_15m, later.times_1h, later.times_24h) == (True, 0, 0, 2)
    assert used.at(31 * 24 * 60).amount_30d < 400_00


def test_the_night_is_kazakhstans() -> None:
    used = Used()

    assert (used.at().night, used.at().hour, used.at().weekday) == (True, 2, 7)
    assert (used.at(4 * 60).night, used.at().hour) == (False, 6)


@pytest.mark.parametrize(
    ("country", "minutes", "fast"), [("PE", 60, True), ("PE", 40 * 60, False), ("KG", 60, False), ("KZ", 1, False)]
)
def test_nobody_is_in_almaty_and_an_hour_later_in_lima(country: str, minutes: int, *, fast: bool) -> None:
    used = Used()
    used.at(channel=Channel.CHIP)

    there = used.at(minutes, country=country, channel=Channel.CHIP)

    assert there.country_changed is (country != "KZ")
    assert (there.travel_kmh > 1_000) is fast


def test_who_buys_at_a_distance_does_not_travel() -> None:
    used = Used()
    used.at(channel=Channel.CHIP)

    shop = used.at(1, country="PE", channel=Channel.ECOMMERCE)
    home = used.at(1, channel=Channel.CHIP)

    assert (shop.country_changed, shop.travel_kmh, shop.abroad, shop.new_country) == (False, 0, True, True)
    assert (home.country_changed, home.travel_kmh) == (False, 0)


def test_an_amount_is_measured_by_what_is_usual() -> None:
    used = Used()
    for tenge in (100, 110, 90, 105, 95) * 4:
        used.at(60, tenge=tenge)

    assert abs(used.at(60, tenge=100).deviation) < 200
    assert used.at(60, tenge=1_000).deviation > 5_000


def test_the_channel_that_is_seldom_used_is_seen() -> None:
    used = Used()
    for _ in range(9):
        used.at(60, channel=Channel.CHIP)

    assert (
        used.at(60, channel=Channel.MAGSTRIPE).channel_percent,
        used.at(60, channel=Channel.CHIP).channel_percent,
    ) == (
        0,
        90,
    )


def test_what_was_presented_is_known_and_not_kept() -> None:
    shown = Presented(cavv=Cavv(value=Bytes(b"c" * 20)), pin=PinBlock(block=Bytes(b"p" * 16), zone="demo"), token="t")
    found = Used().at(presented=shown, original=Amount(5, Currency.USD))

    assert (found.authenticated, found.with_pin, found.with_chip, found.tokenised) == (True, True, False, True)
    assert found.original_currency == "USD"


def test_a_declined_question_leaves_habits_as_they_were() -> None:
    card = made.card()
    counters = Counters(Clock(NIGHT), [[card.id, card.id, 1, card.holder, None, "KZT", *[None] * 8]])

    counters.note(card.id, made.question(card, 5), approved=False)

    assert counters.habits(card.id) == Habits()


def test_what_is_remembered_of_a_card_is_bounded() -> None:
    card, habits = made.card(), Habits()
    for number in range(500):
        merchant = Merchant(name="Shop", id=f"M-{number}", category="5942", country=f"{number % 90:02}")
        habits.note(made.question(card, 5, merchant=merchant, channel=Channel.CHIP), number)

    assert len(habits.encode()) < 450
    assert habits.knows(Merchant(name="", id="M-499", category="5942", country="KZ"))
    assert not habits.knows(Merchant(name="", id="M-400", category="5942", country="KZ"))
    assert Habits.decode(habits.encode()) == habits


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("KZ", "KZ", 0, 0),
        ("KZ", "XX", 0, 0),
        ("KZ", "UZ", 100, 1_000),
        ("KZ", "PE", 10_000, 16_000),
        ("AU", "NZ", 1_500, 2_700),
    ],
)
def test_countries_are_as_far_apart_as_their_nearest_places(one: str, other: str, least: int, most: int) -> None:
    assert least <= distance.km(one, other) == distance.km(other, one) <= most
