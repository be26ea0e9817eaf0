"""One account shows documents of one person: whoever shows another's as well is looked at, and gets neither."""

from typing import Any

import pytest

from app import db
from kyc import holder, standing
from kyc.check import Verdict
from kyc.document import Person
from tests.conftest import Engines
from tests.kyc.listing import put_in_force
from tests.kyc.passports import AT
from tests.kyc.scans import IDENTIFIED, novel, params, seen, show, worth

ANNA = Person(surname="ERIKSSON", given="ANNA", born="1974-08-12", sex="F", nationality="UTO", number="L1")


def other(**changed: str) -> Person:
    return Person(**{name: getattr(ANNA, name) for name in ANNA.__struct_fields__} | changed)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        ({"number": "L2"}, ""),
        ({"nationality": "KAZ"}, ""),
        ({"surname": "Eriksson", "given": "Anna"}, ""),
        ({"surname": "BERG"}, "name"),
        ({"born": "1975-08-12", "sex": "M"}, "born, sex"),
    ],
)
def test_two_documents_are_of_one_person_by_name_birth_and_sex(changed: dict[str, str], differs: str) -> None:
    [found] = holder.judge(other(**changed), [ANNA])

    assert (found.verdict, found.params.get("differs", "")) == (Verdict.REVIEW if differs else Verdict.PASS, differs)


def test_each_earlier_document_counts_and_the_first_has_none() -> None:
    assert holder.judge(ANNA, []) == ()
    assert holder.judge(ANNA, [other(surname="BERG"), ANNA])[0].verdict is Verdict.REVIEW


@pytest.mark.asyncio
async def test_a_stolen_passport_does_not_become_valid_beside_ones_own(engines: Engines) -> None:
    await put_in_force(engines)
    stolen, own = novel(), novel()
    await show(engines, stolen)

    thief, shown, _ = await show(engines, stolen)
    _, mine, decision = await show(engines, own, by=thief)

    assert decision == ("review", ("document.same_holder",))
    outcome, reasons = await worth(engines, thief, shown)
    assert (outcome, reasons[0]) == ("review", "person.unique")
    officers = await seen(engines, mine, holder=None, audience="officer")
    assert params(officers)["document.same_holder"] == {"differs": "name"}
    async with db.transaction(engines.api, holder=thief, audience="resident") as story:
        assert not (await standing.standing(await story(), thief, AT.date())).identified


@pytest.mark.asyncio
async def test_a_passport_that_nobody_has_shown_yet_is_not_let_in_beside_ones_own(engines: Engines) -> None:
    await put_in_force(engines)
    me, mine, _ = await show(engines, novel())

    stolen = novel()
    _, _, decision = await show(engines, stolen, by=me)
    _, _, whose = await show(engines, stolen)

    assert decision[0] == "review"
    assert whose == IDENTIFIED, "who showed it first has not claimed it"
    async with db.transaction(engines.api, holder=me, audience="resident") as story:
        assert (await standing.standing(await story(), me, AT.date())).document in {mine, None}


@pytest.mark.asyncio
async def test_ones_second_passport_is_ones_own(engines: Engines) -> None:
    await put_in_force(engines)
    name: dict[str, Any] = {"surname": novel().mrz[0][5:15], "given": "TOVE"}
    me, _, _ = await show(engines, novel(**name))

    assert (await show(engines, novel(**name, nationality="SWE"), by=me))[2] == IDENTIFIED
