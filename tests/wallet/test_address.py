"""Addresses of wallets: IBANs that other people's programs accept, one for each wallet, never another one."""

import asyncio

import pytest
import schwifty
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from tests.app.people import residents
from wallet import address
from wallet.transfer import AccountId

BANKS = st.from_regex(r"[0-9]{3}", fullmatch=True)
NUMBERS = st.from_regex(r"[0-9A-Z]{13}", fullmatch=True)


@given(BANKS, NUMBERS)
def test_an_iban_of_ours_is_one_for_others(bank: str, number: str) -> None:
    iban = address.compose(bank, number)

    assert schwifty.IBAN(iban).bban == bank + number
    spaced = " ".join(iban[place : place + 4] for place in range(0, 20, 4))
    assert address.parse(spaced.lower()) == iban


@given(BANKS, NUMBERS, st.integers(0, 19), st.sampled_from("0123456789ABCXYZ"))
def test_no_single_slip_of_the_finger_is_another_wallet(bank: str, number: str, place: int, typed: str) -> None:
    iban = address.compose(bank, number)
    slipped = iban[:place] + typed + iban[place + 1 :]

    # A digit for a letter counts one place less in all that is before it: of those the check digits miss one in 97.
    if slipped != iban and typed.isdigit() == iban[place].isdigit():
        with pytest.raises(address.BadIban):
            address.parse(slipped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KZ",
        "DE89370400440532013000",
        "KZ86125KZT500410010",
        "KZ86125KZT50041001000",
        "KZ86125KZT500410010\n",
        "KZ٨٦125KZT5004100100",
    ],
)
def test_what_is_no_iban_is_refused(text: str) -> None:
    with pytest.raises(address.BadIban):
        address.parse(text)


@pytest.mark.asyncio
async def test_of_many_who_ask_at_once_a_wallet_gets_one_address(app: Litestar) -> None:
    house = app.state.house
    [resident] = await residents(app, 1, start=340)

    async def issued() -> str:
        async with db.transaction(house.api, holder=resident.subject, audience="resident") as story:
            found = AccountId(resident.wallet)
            return await address.issue(
                await story(), account=found, lane=1, holder=resident.subject, bank="125", actor="test", at=clock.real()
            )

    found = set(await asyncio.gather(*(issued() for _ in range(4))))

    told = text("SELECT count(*) FROM wallet.event WHERE kind = 'wallet.addressed' AND aggregate = :wallet")
    async with db.transaction(house.worker) as story:
        assert await (await story()).scalar(told, {"wallet": resident.wallet}) == 1
    assert len(found) == 1
    [iban] = found
    async with db.transaction(house.worker) as story:
        behind = await address.by_iban(await story(), iban)
        assert behind == address.Addressed(AccountId(resident.wallet), 1, resident.subject)
        assert await address.by_iban(await story(), address.compose("125", "0" * 13)) is None
        assert await address.iban_of(await story(), ids.new()) is None
