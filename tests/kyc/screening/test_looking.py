"""One look at one person: what it answers, what it keeps, and what it does not say."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, ProgrammingError

from app import db, ids
from app.house import House
from kyc.check import Finding, Verdict
from kyc.document import Person
from kyc.screening import act, alert, looking, proof
from kyc.screening.act import Act, Wanted
from kyc.screening.alert import Alert, State
from kyc.screening.proof import Proof
from kyc.screening.subject import Subject
from tests.kyc.listing import entity, in_force, put_in_force, registered
from tests.kyc.passports import AT
from tests.kyc.screening.people import BLIND, said, somebody

pytestmark = pytest.mark.asyncio

KASPAR = entity("1", "Kaspar Vollmond", "Casper Fullmoon", born=("1961-02-28",), nationalities=("DEU",))


async def look(house: House, *documents: Person, by: UUID | None = None) -> tuple[UUID, Finding]:
    resident, lists = by or somebody(), await in_force(house)
    async with db.transaction(house.api, holder=resident, audience="resident") as story:
        asked = Subject.of(documents)
        actor = f"resident:{resident}"
        return resident, await looking.look(
            await story(), lists, asked, resident=resident, blind=BLIND, at=AT, actor=actor
        )


async def kept(house: House, resident: UUID) -> tuple[list[Alert], list[Proof]]:
    async with db.transaction(house.worker) as story:
        connection = await story()
        return await alert.of(connection, resident), await proof.latest(connection, resident, limit=10)


async def test_who_is_near_nobody_passes_and_it_can_be_proved(house: House) -> None:
    await put_in_force(house, KASPAR)

    who, finding = await look(house, said("ODA", "LINDQVIST"))

    alerts, [proved] = await kept(house, who)
    assert (finding.verdict, finding.evidence, alerts) == (Verdict.PASS, (), [])
    assert (proved.nothing, proved.sound, proved.persons) == (True, True, 1)
    assert proved.asked == proof.asked(Subject.of([said("ODA", "LINDQVIST")]), BLIND)


async def test_who_is_near_an_entry_waits_for_officers(house: House) -> None:
    await put_in_force(house, KASPAR)

    who, finding = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))

    [raised], [proved] = await kept(house, who)
    assert (finding.verdict, finding.evidence) == (Verdict.REVIEW, (f"alert_{raised.id}",))
    assert (raised.entity, raised.name, raised.grave, proved.nothing) == ("1", "Kaspar Vollmond", True, False)
    assert "VOLLMOND" not in str(finding).upper()


@pytest.mark.parametrize(
    ("document", "grave"),
    [
        (said("KASPAR", "VOLLMOND", "1961-02-28"), True),
        (said("KASPAR", "VOLLMOND", "1961-XX-XX"), False),
        (said("KASPAR", "VOLLMOND", "1961-02-27"), False),
        (said("KASPAR", "VOLLMOND", "1961-02-28", nationality="ITA"), False),
        (said("KASPER", "VOLMOND", "1961-02-28"), True),
    ],
)
async def test_grave_is_what_hardly_anybody_would_doubt(house: House, document: Person, *, grave: bool) -> None:
    await put_in_force(house, KASPAR)
    who, _ = await look(house, document)

    [raised], _ = await kept(house, who)

    assert raised.grave is grave


async def test_the_same_met_again_is_the_same_alert(house: House) -> None:
    await put_in_force(house, KASPAR)
    who, first = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))
    _, again = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"), by=who)
    _, other = await look(house, said("KASPAR", "VOLLMOND", "1961-02-27"), by=who)

    alerts, proofs = await kept(house, who)

    assert first.evidence == again.evidence
    assert (len(alerts), len(other.evidence), len(proofs)) == (2, 2, 3), "another date of birth is another match"


@pytest.mark.fresh
async def test_without_a_list_or_without_one_of_them_nobody_is_cleared(house: House) -> None:
    _, none = await look(house, said("ODA", "LINDQVIST"))
    await put_in_force(house, KASPAR)
    async with db.transaction(house.worker) as story:
        await registered(await story(), "un")
    _, some = await look(house, said("ODA", "LINDQVIST"))

    assert [(each.verdict, each.params) for each in (none, some)] == [
        (Verdict.ERROR, {"reason": "no_list", "missing": ""}),
        (Verdict.ERROR, {"reason": "no_list", "missing": "un"}),
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT kyc.settle_alerts(:other, '[]', true, 'r', now())",
        "SELECT kyc.note_look(:other, 1, sha256('a'), sha256('a'), sha256('a'), 0, now())",
        "SELECT kyc.note_shown(:other, :other, now())",
    ],
)
async def test_nobody_writes_about_another(house: House, statement: str) -> None:
    with pytest.raises(ProgrammingError, match="of oneself only"):
        async with db.transaction(house.api, holder=somebody(), audience="resident") as story:
            await (await story()).execute(text(statement), {"other": somebody()})


async def test_nobody_says_of_oneself_that_this_is_all_and_lapses_ones_own_alert(house: House) -> None:
    await put_in_force(house, KASPAR)
    who, _ = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))
    settle = text("SELECT kyc.settle_alerts(:who, '[]', true, 'r', now())")

    with pytest.raises(ProgrammingError, match="of oneself only"):
        async with db.transaction(house.api, holder=who, audience="resident") as story:
            await (await story()).execute(settle, {"who": who})

    [raised], _ = await kept(house, who)
    assert raised.state is State.OPEN


async def test_another_way_to_write_the_same_down_is_the_same_alert(house: House) -> None:
    """What the publisher does to case, commas and the order of aliases tells nothing about anybody."""
    await put_in_force(house, KASPAR)
    who, first = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))

    for names in (("VOLLMOND, Kaspar", "Casper Fullmoon"), ("Casper Fullmoon", "kaspar VOLLMOND", "Vollmond, Kaspar")):
        await put_in_force(house, entity("1", *names, born=("1961-02-28",), nationalities=("DEU",)))
        _, again = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"), by=who)
        assert again.evidence == first.evidence


_ACT = """
    INSERT INTO kyc.alert_act
        (id, alert, resident, act, reason, proposed_by, proposed_at, agreed, decided_by, decided_at)
    VALUES (uuidv7(), :alert, :who, 'clear', 'other_birth', 'officer:1', now(), true, :second, now())
"""


@pytest.mark.parametrize(
    ("statement", "second", "named"),
    [
        (_ACT, "officer:1", "refused"),
        (_ACT, "officer:2", "refused"),
        ("UPDATE kyc.alert SET state = 'cleared' WHERE id = :alert", "", "alert_decided"),
        ("UPDATE kyc.alert SET state = 'cleared', act = uuidv7() WHERE id = :alert", "", "alert_freed_by_two"),
    ],
)
async def test_nobody_is_freed_by_one_officer_whatever_the_code_says(
    house: House, statement: str, second: str, named: str
) -> None:
    await put_in_force(house, KASPAR)
    who, _ = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))
    [raised], _ = await kept(house, who)

    with pytest.raises(DBAPIError, match=named):
        async with db.transaction(house.api, audience="officer", actor="officer:1") as story:
            await (await story()).execute(text(statement), {"alert": raised.id, "who": who, "second": second})


async def proposed(house: House, *, by: str, actor: str) -> UUID:
    """Propose to clear somebody in the name of `by`, in a story of `actor`; gives whom."""
    await put_in_force(house, KASPAR)
    who, _ = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))
    [raised], _ = await kept(house, who)
    wanted = Wanted(act=Act.CLEAR, reason="other_birth")
    async with db.transaction(house.api, audience="officer", actor=actor) as story:
        await act.propose(await story(), raised.id, wanted, act=ids.new(), actor=by, at=AT)
    return who


@pytest.mark.parametrize(("by", "actor"), [("officer:2", "officer:1"), ("service:any", "service:any")])
async def test_an_officer_proposes_in_their_own_name(house: House, by: str, actor: str) -> None:
    with pytest.raises(ProgrammingError, match="own name only"):
        await proposed(house, by=by, actor=actor)


@pytest.mark.parametrize("second", ["officer:2", "system:confirmed", "service:any"])
async def test_an_officer_decides_in_their_own_name(house: House, second: str) -> None:
    who = await proposed(house, by="officer:1", actor="officer:1")
    agrees = "UPDATE kyc.alert_act SET decided_by = :second, decided_at = now(), agreed = true WHERE resident = :who"

    with pytest.raises(ProgrammingError, match="own name only"):
        async with db.transaction(house.api, audience="officer", actor="officer:3") as story:
            await (await story()).execute(text(agrees), {"second": second, "who": who})


@pytest.mark.parametrize("becomes", ["lapsed", "open"])
async def test_what_an_officer_confirmed_only_two_can_end(house: House, becomes: str) -> None:
    await put_in_force(house, KASPAR)
    who, _ = await look(house, said("KASPAR", "VOLLMOND", "1961-02-28"))
    [raised], _ = await kept(house, who)
    wanted = Wanted(act=Act.CONFIRM, reason="same_person")
    async with db.transaction(house.api, audience="officer", actor="officer:1") as story:
        await act.propose(await story(), raised.id, wanted, act=ids.new(), actor="officer:1", at=AT)
    ends = "UPDATE kyc.alert SET state = :state, act = NULL WHERE id = :alert"

    with pytest.raises(DBAPIError, match="refused"):
        async with db.transaction(house.worker) as story:
            await (await story()).execute(text(ends), {"state": becomes, "alert": raised.id})
