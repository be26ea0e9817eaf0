"""Documents as they are stored: what is decided about them, who sees what, and what nobody can change."""

import asyncio
import itertools
import re
from dataclasses import replace
from datetime import date
from functools import partial
from uuid import UUID

import msgspec
import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app import db, vault
from kyc import document, standing
from kyc.cases import reasons, records
from kyc.check import Finding, Verdict
from kyc.chip import trust
from kyc.document import Person
from kyc.identify import NothingReadable
from kyc.states import Nationality
from tests.conftest import Engines
from tests.kyc.listing import entity, put_in_force
from tests.kyc.passports import AT, authority, flipped, passport, trusting
from tests.kyc.scans import IDENTIFIED, KMS, SEEN, Worth, novel, params, seen, show, somebody, verdicts, worth

pytestmark = pytest.mark.asyncio


async def test_a_genuine_passport_of_somebody_on_no_list_identifies(engines: Engines) -> None:
    await put_in_force(engines)

    resident, shown, decision = await show(engines, novel())

    assert decision == IDENTIFIED
    found = await seen(engines, shown, holder=resident)
    assert found is not None
    assert (found.outcome, found.reasons, found.grade, found.issuer) == ("identified", (), "valid", "UTO")
    assert set(verdicts(found)) == SEEN
    assert set(verdicts(found).values()) == {"pass"}


@pytest.mark.fresh
async def test_without_a_list_nobody_is_identified(engines: Engines) -> None:
    _, shown, decision = await show(engines, novel())

    assert decision == ("review", ("person.screening",))
    assert verdicts(await seen(engines, shown, holder=None, audience="officer"))["person.screening"] == "error"


async def test_somebody_on_a_list_is_reviewed_and_not_told_why(engines: Engines) -> None:
    await put_in_force(engines, entity("KZ-1", "Zhanna-Maria Erikson", born=("1974",)))

    resident, shown, decision = await show(engines, novel(surname="ERIKSSON", given="ZHANNA MARIA"))

    assert decision == ("review", ("person.screening",))
    to_resident = await seen(engines, shown, holder=resident)
    to_officer = await seen(engines, shown, holder=None, audience="officer")
    assert to_resident is not None
    assert to_resident.reasons == ("person",)
    assert "person.screening" not in verdicts(to_resident)
    assert verdicts(to_officer)["person.screening"] == "review"
    hit = params(to_officer)["person.screening"]
    assert "agency@" in str(hit)


async def test_that_nothing_was_found_is_kept_as_well(engines: Engines) -> None:
    await put_in_force(engines)

    _, shown, _ = await show(engines, novel())

    assert verdicts(await seen(engines, shown, holder=None, audience="officer"))["person.screening"] == "pass"


async def test_the_feed_of_a_resident_says_nothing_of_lists_or_of_the_person(engines: Engines) -> None:
    await put_in_force(engines, entity("KZ-1", "Berta Bengtsson"))
    resident, _, _ = await show(engines, novel(surname="BENGTSSON", given="BERTA"))

    async with engines.worker.connect() as connection:
        rows = await connection.execute(
            text("SELECT kind, body::text AS body FROM kyc.event WHERE holder = :holder"), {"holder": resident}
        )
        told = [(row.kind, row.body) for row in rows]

    assert sorted(kind for kind, _ in told) == ["document.checked", "identity.changed", "identity.changed"]
    assert not any(word in body for _, body in told for word in ("BENGTSSON", "BERTA", "list", "screening"))


async def test_a_forged_passport_is_refused_and_claims_nothing(engines: Engines) -> None:
    await put_in_force(engines)
    genuine = novel()
    (forged_group,) = flipped(genuine.files[2], [100])
    forged = replace(genuine, files={**genuine.files, 2: forged_group})

    forger, _, refused = await show(engines, forged)
    _, _, decision = await show(engines, genuine)

    assert refused == ("refused", ("chip.data_groups",))
    assert decision == IDENTIFIED, "the genuine holder came second and finds the document unclaimed"
    async with db.transaction(engines.api, holder=forger, audience="resident") as story:
        assert (await standing.standing(await story(), forger, AT.date())).outcome == "refused"


async def test_a_document_of_an_unknown_authority_claims_nothing(engines: Engines) -> None:
    await put_in_force(engines)

    mine = novel()

    _, _, doubted = await show(engines, mine, believed=trust.of(()))
    _, _, decision = await show(engines, mine)

    assert doubted[1] == ("chip.issuer_trusted",)
    assert decision == IDENTIFIED


async def test_a_document_identifies_one_person(engines: Engines) -> None:
    await put_in_force(engines)
    mine = novel()
    first, _, _ = await show(engines, mine)

    _, again, repeated = await show(engines, mine, by=first)
    second, elsewhere, decision = await show(engines, mine)

    assert repeated == IDENTIFIED, "one's own document may be shown again"
    assert again != elsewhere
    assert decision == ("review", ("person.unique",))
    found = await seen(engines, elsewhere, holder=second)
    assert found is not None
    assert found.reasons == ("person",)
    assert "person.unique" not in verdicts(found)


async def test_a_person_with_two_passports_is_one_person(engines: Engines) -> None:
    await put_in_force(engines)
    tove = partial(novel, surname="LUNDQVIST", given="TOVE")
    first, _, _ = await show(engines, tove())

    _, _, own = await show(engines, tove(), by=first)
    _, other, decision = await show(engines, tove())

    assert own == IDENTIFIED
    assert decision == ("review", ("person.unique",))
    assert params(await seen(engines, other, holder=None, audience="officer"))["person.unique"] == {"taken": "person"}


async def test_of_two_who_show_one_document_at_once_one_is_first(engines: Engines) -> None:
    await put_in_force(engines)

    mine = novel()

    shown = await asyncio.gather(*(show(engines, mine) for _ in range(4)))

    assert sorted(decision[0] for _, _, decision in shown) == ["identified", *["review"] * 3]


async def test_page_and_chip_must_say_the_same(engines: Engines) -> None:
    await put_in_force(engines)
    mine = novel(given="ERIKA")
    other = novel(given="ERIKA")

    resident, shown, decision = await show(engines, replace(mine, mrz=other.mrz))

    assert decision == ("refused", ("document.matches_chip",))
    found = params(await seen(engines, shown, holder=resident))
    assert found["document.matches_chip"] == {"differs": "surname, number"}


async def test_a_misread_page_is_refused_although_the_chip_is_good(engines: Engines) -> None:
    await put_in_force(engines)
    mine = novel(number="L898902C3")
    first, second = mine.mrz

    _, _, decision = await show(engines, replace(mine, mrz=(first, "M" + second[1:])))

    assert decision == ("refused", ("mrz.read", "document.matches_chip"))


async def test_an_unreadable_chip_is_refused_by_what_the_page_says(engines: Engines) -> None:
    resident, shown, decision = await show(engines, replace(novel(), sod=b"\x77\x00"))

    assert decision == ("refused", ("chip.structure",))
    found = await seen(engines, shown, holder=resident)
    assert found is not None
    assert (found.grade, found.issuer) == ("malformed", "UTO")


async def test_where_nothing_reads_nothing_is_stored(engines: Engines) -> None:
    resident = somebody()
    with pytest.raises(NothingReadable) as refused:
        await show(engines, replace(novel(), sod=b"\x77\x00", mrz=("P<UTO",)), by=resident)

    assert refused.value.fields == "zone: shape"
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        assert (await standing.standing(await story(), resident, AT.date())).outcome is None


# -- standing ----------------------------------------------------------------------------------------------------------


async def test_standing_follows_the_identifying_document_that_lasts_longest(engines: Engines) -> None:
    await put_in_force(engines)
    resident, _, _ = await show(engines, novel(surname="SJOBERG", given="KAI", expires=date(2027, 1, 31)))
    _, longer, _ = await show(engines, novel(surname="SJOBERG", given="KAI", expires=date(2031, 1, 31)), by=resident)
    await show(engines, replace(novel(), sod=b"\x77\x00"), by=resident)

    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        connection = await story()
        now = await standing.standing(connection, resident, AT.date())
        on_last_day = await standing.standing(connection, resident, date(2031, 1, 31))
        after = await standing.standing(connection, resident, date(2031, 2, 1))

    assert (now.identified, now.level, now.document, now.document_expires) == (True, "chip", longer, date(2031, 1, 31))
    assert now.nationality_class is Nationality.FOREIGN
    assert on_last_day.identified
    assert (after.identified, after.level, after.document) == (False, "none", None)


@pytest.mark.parametrize(
    ("nationality", "expected"),
    [("KAZ", "citizen"), ("XXA", "stateless"), ("XXB", "refugee"), ("XXX", "unspecified"), ("D", "foreign")],
)
async def test_what_a_nationality_means_is_known_without_opening_the_document(
    engines: Engines, nationality: str, expected: str
) -> None:
    await put_in_force(engines)
    resident, _, _ = await show(engines, novel(nationality=nationality))

    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        assert (await standing.standing(await story(), resident, AT.date())).nationality_class == expected


# -- walls -------------------------------------------------------------------------------------------------------------


async def test_personal_fields_are_stored_sealed_and_open_for_their_holder(engines: Engines) -> None:
    await put_in_force(engines)
    resident, shown, _ = await show(engines, passport())

    async with db.transaction(engines.worker) as story:
        connection = await story()
        dump = (
            await connection.execute(
                text(
                    """
                    SELECT (SELECT string_agg(document::text, '') FROM kyc.document)
                        || (SELECT string_agg(evidence::text, '') FROM kyc.evidence)
                        || (SELECT string_agg("check"::text, '') FROM kyc.check)
                        || (SELECT string_agg(event::text, '') FROM kyc.event)
                    """
                )
            )
        ).scalar_one()
        stored = await document.find(connection, shown)
    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        safe = await vault.existing(await story(), KMS, resident)

    # Six digits may well stand in the hexadecimal of something sealed.
    in_clear = re.sub(r"(?<=\\x)[0-9a-f]+", "", dump)
    assert in_clear != dump
    for word in ("ERIKSSON", "ANNA", "L898902C3", "740812", "1974-08-12"):
        assert word not in in_clear
        assert word.encode().hex() not in dump
    assert stored is not None
    opened = safe.open(stored.person, table="kyc.document", column="person", row=shown)
    assert msgspec.json.decode(opened, type=Person) == Person(
        surname="ERIKSSON",
        given="ANNA MARIA",
        born="1974-08-12",
        sex="F",
        nationality="UTO",
        number="L898902C3",
        cut=False,
    )


async def test_nobody_sees_the_documents_of_another_resident(engines: Engines) -> None:
    await put_in_force(engines)
    resident, shown, _ = await show(engines, novel())

    assert await seen(engines, shown, holder=resident) is not None
    assert await seen(engines, shown, holder=somebody()) is None
    assert await seen(engines, shown, holder=None) is None
    assert await seen(engines, shown, holder=None, audience="partner") is None


TABLES = ("document", "evidence", '"check"', "decision", "claim", "list_snapshot")


@pytest.mark.parametrize("table", TABLES)
async def test_history_is_changed_by_nobody_not_even_its_owner(database: str, table: str) -> None:
    owner = sqlalchemy.create_engine(database)
    column = "digest" if table.startswith("list") else "at" if table != "evidence" else "files"
    statements = "DELETE FROM kyc.{table}", "UPDATE kyc.{table} SET {column} = {column}", "TRUNCATE kyc.{table}"
    for statement in statements:
        with pytest.raises(DBAPIError, match=r"only added to|referenced in a foreign key"), owner.begin() as connection:
            connection.exec_driver_sql(statement.format(table=table, column=column))
    owner.dispose()


@pytest.mark.parametrize("role", ["api", "worker", "report", "posting"])
async def test_nobody_reads_who_claimed_what(engines: Engines, role: str) -> None:
    with pytest.raises(DBAPIError, match="permission denied"):
        async with getattr(engines, role).begin() as connection:
            await connection.exec_driver_sql("SELECT * FROM kyc.claim")


async def test_a_resident_can_not_read_the_confidential_rows_of_their_own(engines: Engines) -> None:
    await put_in_force(engines)
    resident, _, _ = await show(engines, novel())

    async with db.transaction(engines.api, holder=resident, audience="resident") as story:
        names = (await (await story()).execute(text("SELECT name FROM kyc.check"))).scalars().all()

    assert names
    assert not any(reasons.is_confidential(name) for name in names)


# -- later looks -------------------------------------------------------------------------------------------------------


async def look(engines: Engines, resident: UUID, shown: UUID, finding: Finding) -> Worth:
    async with db.transaction(engines.worker) as story:
        await records.add(await story(), resident, [finding], inputs=bytes(32), at=AT, actor="service:monitoring")
    return await worth(engines, resident, shown)


async def test_a_later_look_that_changes_the_answer_is_the_next_decision(engines: Engines) -> None:
    await put_in_force(engines)
    resident, shown, _ = await show(engines, novel())

    same = await look(engines, resident, shown, Finding("person.screening", Verdict.PASS))
    changed = await look(
        engines, resident, shown, Finding("person.screening", Verdict.REVIEW, {"hits": "agency/1 99 same"})
    )
    back = await look(engines, resident, shown, Finding("person.screening", Verdict.PASS))

    assert (same, changed, back) == (IDENTIFIED, ("review", ("person.screening",)), IDENTIFIED)
    async with db.transaction(engines.worker) as story:
        connection = await story()
        decided = await connection.execute(
            text("SELECT version, outcome, actor FROM kyc.decision WHERE document = :id ORDER BY version"),
            {"id": shown},
        )
        kinds = await connection.execute(
            text("SELECT kind FROM kyc.event WHERE aggregate = :document ORDER BY version"), {"document": shown}
        )
        assert [(row.version, row.outcome) for row in decided] == [(1, "identified"), (2, "review"), (3, "identified")]
        assert kinds.scalars().all() == [
            "document.checked",
            "resident.identified",
            "document.decided",
            "document.decided",
            "resident.identified",
        ]


async def test_looks_at_one_document_at_once_are_taken_one_after_the_other(engines: Engines) -> None:
    await put_in_force(engines)
    resident, shown, _ = await show(engines, novel())
    verdicts_ = (Verdict.REVIEW, Verdict.PASS) * 3

    await asyncio.gather(
        *(look(engines, resident, shown, Finding("person.screening", verdict)) for verdict in verdicts_)
    )

    async with db.transaction(engines.worker) as story:
        versions = await (await story()).execute(
            text("SELECT version, outcome FROM kyc.decision WHERE document = :id ORDER BY version"), {"id": shown}
        )
        rows = [tuple(row) for row in versions]
    assert [version for version, _ in rows] == list(range(1, len(rows) + 1))
    assert all(left != right for (_, left), (_, right) in itertools.pairwise(rows))


async def test_another_country_authority_trusted_too_changes_nothing_for_the_first(engines: Engines) -> None:
    await put_in_force(engines)
    kazakh = authority(state="KAZ", country="KZ")

    _, _, decision = await show(engines, novel(by=kazakh), believed=trusting(authority(), kazakh))

    assert decision == IDENTIFIED
