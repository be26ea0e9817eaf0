"""The database's own question whether a document lacks anything (0046) is answered as the decision answers it."""

from collections.abc import Iterator, Sequence
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from kyc.cases import decision
from kyc.cases.decision import OFFICERS, Outcome, Record
from kyc.cases.required import DEMANDED, NOW, REQUIRED
from kyc.check import Verdict
from tests import postgres
from tests.kyc.cases.test_decision import ONE, TWO, look, looks

_BESIDE = ("document.same_holder", "document.fresh", "chip.original", "face.match", "person.pep", "paper.diploma")
_COVERED = st.lists(st.sampled_from((*REQUIRED["identity"], *_BESIDE)), max_size=6)
_DOCUMENTS = st.sampled_from((ONE, TWO))
_FOUND = st.tuples(
    st.sampled_from((*REQUIRED["identity"], *_BESIDE)), st.sampled_from(list(Verdict)), _DOCUMENTS | st.none()
)
_Found = tuple[str, Verdict, UUID | None, dict[str, str]]
_LOOKS: st.SearchStrategy[_Found] = st.one_of(
    _FOUND.map(lambda found: (*found, {})),
    st.just(("chip.original", Verdict.REVIEW, ONE, {"reason": "answer_missing"})),
    st.just((DEMANDED, Verdict.PASS, None, {"checks": "face.match person.pep"})),
    st.builds(
        lambda covers, of, verdict: (OFFICERS, verdict, None, {"covers": " ".join(covers), "document": str(of)}),
        _COVERED,
        _DOCUMENTS,
        st.sampled_from((Verdict.PASS, Verdict.PASS, Verdict.REVIEW, Verdict.FAIL)),
    ),
)


def _records(shown: Sequence[UUID], more: Sequence[_Found]) -> list[Record]:
    """Give documents that lack nothing, and what was found since."""
    whole = [each for nth, of in enumerate(shown) for each in looks(of, since=1 + 100 * nth)]
    later = [
        msgspec.structs.replace(look(seq, check, verdict, document), params=said)
        for seq, (check, verdict, document, said) in enumerate(more, 1000)
    ]
    return [*whole, *later]


@pytest.fixture
def held(database: str) -> Iterator[tuple[psycopg.Connection, UUID]]:
    """Give the owner's connection and a case that two documents were shown to; nothing of it stays."""
    case, resident = uuid4(), uuid4()
    with psycopg.connect(postgres.libpq(database)) as connection:
        connection.execute(_CASE, {"case": case, "resident": resident})
        for document in (ONE, TWO):
            connection.execute(_DOCUMENT, {"document": document, "resident": resident})
        yield connection, case
        connection.rollback()


def test_what_the_database_says_is_lacking_is_what_the_decision_says(held: tuple[psycopg.Connection, UUID]) -> None:
    connection, case = held
    said: set[tuple[bool, bool]] = set()

    @given(shown=st.sampled_from(((), (ONE,), (ONE, TWO), (ONE, TWO))), more=st.lists(_LOOKS, max_size=6))
    def law(shown: Sequence[UUID], more: Sequence[_Found]) -> None:
        records = _records(shown, more)
        with connection.transaction(force_rollback=True):
            rows = [_row(case, each) for each in records]
            connection.cursor().executemany(_LOOK, rows)
            for document in (ONE, TWO):
                [whole, own] = connection.execute(_LACKS, {"case": case, "document": document}).fetchone() or ()
                worth = decision.worth(records, document)
                assert whole == (worth.outcome is not Outcome.APPROVE), worth
                # Who stands is not asked anew: the document identifies if nothing about itself is open.
                renewed = decision.worth(records, document, stale=False)
                if renewed.outcome is Outcome.APPROVE or decision.is_unlooked(records, renewed):
                    assert not own, renewed
                said.add((whole, own))

    law()

    assert said == {(False, False), (True, False), (True, True)}


def _row(case: UUID, each: Record) -> dict[str, object]:
    fields = {name: getattr(each, name) for name in ("seq", "document", "verdict")}
    return {"case": case, "name": each.check, "params": Jsonb(each.params), **fields}


_CASE = """
    INSERT INTO kyc.case (id, resident, purpose, state, version, records, decisions, attempts, told, opened_at)
    VALUES (%(case)s, %(resident)s, 'identity', 'draft', 1, 0, 0, 0, '{}', now())
"""
_DOCUMENT = """
    INSERT INTO kyc.document (id, resident, format, issuer, nationality_class, expires, grade, person, at)
    VALUES (%(document)s, %(resident)s, 'TD3', 'UTO', 'foreign', '2034-01-01', 'valid', 'sealed', now())
"""
_LOOK = """
    INSERT INTO kyc.check (case_id, seq, resident, document, name, rule, inputs_hash, verdict, params, evidence, ms,
                           confidential, at)
    SELECT id, %(seq)s, resident, %(document)s, %(name)s, 'r@1', sha256('x'), %(verdict)s, %(params)s, '{}', 0, false,
           now()
    FROM kyc.case WHERE id = %(case)s
"""
_LACKS = f"""
    SELECT kyc.lacks(%(case)s, %(document)s, '{NOW.version}', true),
           kyc.lacks(%(case)s, %(document)s, '{NOW.version}', false)
"""
