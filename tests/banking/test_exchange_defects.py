"""Planted defects in how a bank's exchange is booked: each is stored, and the verifier names the exchange it is in."""
# ruff: noqa: SLF001  what is planted replaces what is inside

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from app import verify
from app.banking import concluding
from app.http import ids
from app.settings import Settings
from law.money import KZT, Money
from tests import postgres
from tests.banking.clients import exchanges, opens, run
from tests.partners.investors import investor
from tests.partners.outside import Outside
from wallet import exchange
from wallet.desk import Desk
from wallet.exchange import Exchange, Leg
from wallet.transfer import Move

Patch = pytest.MonkeyPatch


@pytest.fixture(scope="module")
def module_database(server: str, template: str) -> Iterator[str]:
    """Give a database whose books nobody expects to be sound afterwards."""
    with postgres.copied(server, template) as url:
        yield url


def nothing(patch: Patch) -> None:
    """Be the control: without a defect nothing is found."""
    patch.setattr("app.banking.booking.quoted", exchange.quoted)


def drop_the_rounding_leg(patch: Patch) -> None:
    def wrong(*asked: Any) -> list[Leg]:  # noqa: ANN401  whatever legs() takes
        return [leg for leg in exchange.legs(*asked) if leg.name != "rounding"]

    patch.setattr("app.banking.booking.legs", wrong)


def round_a_tiyn_more(patch: Patch) -> None:
    def wrong(*asked: Any) -> Exchange:  # noqa: ANN401  whatever quoted() takes
        found = exchange.quoted(*asked)
        return msgspec.structs.replace(found, remainder=found.remainder + Money(1, KZT))

    patch.setattr("app.banking.booking.quoted", wrong)


def tell_another_rate(patch: Patch) -> None:
    whole = exchange.fact

    def wrong(booked: Exchange, *asked: Any, **named: Any) -> Any:  # noqa: ANN401  whatever fact() takes and gives
        rate = msgspec.structs.replace(booked.rate, value=booked.rate.value * 2)
        return whole(msgspec.structs.replace(booked, rate=rate), *asked, **named)

    patch.setattr(exchange, "fact", wrong)


def name_no_group(patch: Patch) -> None:
    whole = concluding._together

    def wrong(desk: Desk, moves: Sequence[Move], _: object = None) -> None:
        whole(desk, moves)

    patch.setattr(concluding, "_together", wrong)


#: With what the verifier says of the exchange.
DEFECTS: dict[Callable[[Patch], None], list[str]] = {
    nothing: [],
    drop_the_rounding_leg: ["is not the exchange its transfers made"],
    round_a_tiyn_more: ["has another remainder than its rate"],
    tell_another_rate: ["has another remainder than its rate"],
    name_no_group: ["is not the exchange its transfers made"],
}


@pytest.mark.asyncio
@pytest.mark.parametrize("plant", DEFECTS, ids=lambda plant: plant.__name__)
async def test_the_verifier_finds_what_is_wrong_with_an_exchange(
    app: Litestar, settings: Settings, out: Outside, monkeypatch: Patch, plant: Callable[[Patch], None]
) -> None:
    async with investor(app, settings, 381) as me:
        accounts = (await me.phone.get("/v1/bank-accounts"))["accounts"]
        account = accounts[0]["id"] if accounts else await opens(me, out, "USD")
        asked = {"buys_to": account, "fixed": "sells", "amount_minor": 1_000_01}
        made = await exchanges(me, await me.phone.post("/v1/fx-quotes", asked))
        plant(monkeypatch)
        await run(out)

    about = str(ids.parse("exchange", made["id"]))
    found = verify.ledger(settings.database_url).findings
    assert [each.what for each in found if each.row == about] == DEFECTS[plant]
