"""Every decision comes out the same byte for byte; what was changed afterwards does not."""

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import replaying
from kyc.cases import decision, replay
from kyc.cases.decision import Record
from kyc.cases.replay import Written
from kyc.check import Finding, Verdict
from tests import postgres
from tests.conftest import Engines
from tests.kyc.cases.people import all_pass, granted, refused, reported, shows, somebody, stands
from tests.kyc.cases.test_decision import NAMES, ONE, TWO, look, looks

_histories = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(list(Verdict)), st.sampled_from([ONE, TWO, None])), max_size=40
)


def written(records: list[Record], ends: list[int]) -> list[Written]:
    """Write down what was decided when a case had so many records."""
    found = []
    for number, end in enumerate(ends, 1):
        decided = decision.decide(records[:end])
        found.append(
            Written(
                number=number,
                records=end,
                rules=decided.rules,
                encoded=decided.encoded(),
                digest=decided.digest(),
            )
        )
    return found


@given(drawn=_histories, data=st.data())
def test_what_was_decided_is_decided_again(drawn: list[tuple[str, Verdict, None]], data: st.DataObject) -> None:
    records = [look(seq, *each) for seq, each in enumerate(drawn, 1)]
    ends = sorted(data.draw(st.lists(st.integers(0, len(records)), max_size=6)))

    assert list(replay.again(written(records, ends), records)) == []


@pytest.mark.nightly
def test_a_hundred_thousand_records_are_decided_again() -> None:
    verdicts = list(Verdict)
    for case in range(2_500):
        records = [
            look(seq, NAMES[(case + seq * 7) % len(NAMES)], verdicts[(case * seq) % len(verdicts)], (ONE, TWO)[seq % 2])
            for seq in range(1, 41)
        ]
        assert list(replay.again(written(records, list(range(1, 41, 4))), records)) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"verdict": Verdict.PASS}, "is not what its records say"),
        ({"rule": "chip@2027-01"}, "is not what its records say"),
        ({"inputs": "01"}, "is not what its records say"),
        ({"params": {"issuer": "UTO"}}, "is not what its records say"),
        ({"evidence": ("document_1",)}, "is not what its records say"),
    ],
)
def test_a_record_changed_afterwards_is_found(change: dict[str, object], what: str) -> None:
    records = looks(chip__signature=Verdict.FAIL)
    made = written(records, [len(records)])
    [place] = [nth for nth, each in enumerate(records) if each.check == "chip.signature"]

    changed = [*records]
    changed[place] = msgspec.structs.replace(records[place], **change)

    assert [each.what for each in replay.again(made, changed)] == [what]


def test_a_missing_record_and_an_unknown_version_are_found() -> None:
    records = looks()
    [made] = written(records, [len(records)])
    old = Written(number=1, records=made.records, rules="case@1999-01", encoded=made.encoded, digest=made.digest)
    forged = Written(number=1, records=made.records, rules=made.rules, encoded=made.encoded + b" ", digest=made.digest)

    assert "records are missing or doubled" in [each.what for each in replay.again([made], records[:3] + records[4:])]
    assert [each.what for each in replay.again([old], records)] == ["by rules that are not kept: case@1999-01"]
    assert len(list(replay.again([forged], records))) == 2


@pytest.mark.asyncio
@pytest.mark.fresh
async def test_an_installation_decides_again_what_it_decided_and_a_planted_defect_is_found(
    engines: Engines, database: str
) -> None:
    odd = all_pass(chip__issuer_trusted=Verdict.REVIEW)
    people = [somebody() for _ in range(4)]
    await shows(engines, people[0], all_pass(mrz__read=Verdict.FAIL))
    await shows(engines, people[0], all_pass())
    for resident in people[1:3]:
        await shows(engines, resident, odd)
    await granted(engines, people[1])
    await refused(engines, people[2])
    await shows(engines, people[3], all_pass())
    await reported(engines, people[3], Finding("person.screening", Verdict.REVIEW))

    sound = replaying.replayed(database)

    assert sound.findings == ()
    assert (sound.looked_at["cases"], sound.looked_at["decisions"]) == (4, 8)
    held = await stands(engines, people[1])
    with psycopg.connect(postgres.libpq(database)) as owner:
        owner.execute("ALTER TABLE kyc.check DISABLE TRIGGER USER")
        owner.execute("UPDATE kyc.check SET verdict = 'pass' WHERE case_id = %s AND verdict = 'review'", (held.id,))
    found = replaying.replayed(database).findings
    assert {(each.row, each.what) for each in found} == {
        (f"{held.id}/1", "is not what its records say"),
        (f"{held.id}/2", "is not what its records say"),
    }
