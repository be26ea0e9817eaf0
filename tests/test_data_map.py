"""docs/data-map.csv: every column there is, what it says about a person, why it may, and how long it is kept."""

import csv
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy
from sqlalchemy import pool, text

from app import sealed
from app.account import retention
from law.retention import RETENTION

MAP = Path(__file__).parent.parent / "docs" / "data-map.csv"
#: none: nothing about a person. id: a random name of a person or thing. personal: about a person, in clear. sealed:
#: under a data key. blind: a keyed digest. money: amounts. secret: what opens or recognises. public: what is published.
CLASSES = {"none", "id", "personal", "sealed", "blind", "money", "secret", "public"}
#: for ever: history. operation: as long as what it runs. person: goes with the person (app.erase). minutes: by itself.
KEPT = {"for ever", "operation", "person", "minutes"} | {rule.name for rule in RETENTION}
#: What could hold anything: it is bound by a constraint, refers to what is, or is written by us in words of ours.
FREE = {"text", "jsonb", "ARRAY"}
BOUND = {"check": "c", "reference": "f"}
#: What is about a person, or leads to one, and stays when the person is gone.
STAYS = {
    "app.bank_statement": "a bank's own record of a day, under its key; the ledger is compared with it",
    "app.adjustment": "explains rows of the ledger; its words are noise without the person's key",
    "app.inbox": "the body goes, the message's id stays so that it is not taken twice",
    "app.payment_list": "explains rows of the ledger; its words are noise without the person's key",
    "app.restriction_act": "two officers' word behind a restriction; its words are noise without the person's key",
    "app.restriction_appeal": "what was asked and answered; its words are noise without the person's key",
    "app.restriction_response": "that something was said; its words are noise without the person's key",
    "app.restriction_verdict": "a third officer's word; its words are noise without the person's key",
    "app.security_event": "a chain of its own; keyed digests of addresses",
    "app.subject": "names of staff and of clients; a resident has none there",
    "cards.bearer": "noise without the person's key",
    "cards.change": "explains decisions over payments; names a card nobody has",
    "cards.listed_person": "keyed digests; a list of people who need not be ours",
    "cards.parcel": "noise without the person's key",
    "cards.card": "four digits of a number that is nowhere any more",
    "cards.dispute": "explains rows of the ledger; its words are noise without the person's key",
    "cards.dispute_evidence": "noise without the person's key",
    "cards.settlement_record": "a card network's own record of a day; of no person without the payment",
    "cards.decision": "explains an answer to a merchant; names a card nobody has",
    "cards.allowance": "explains why a payment passed; names a card nobody has",
    "cards.challenge": "evidence that somebody agreed to a payment; names a card nobody has",
    "cards.payment": "explains rows of the ledger; names an account nobody has",
    "cards.token": "four digits of a number that stands for a card nobody has",
    "kyc.case_appeal": "what was asked of two other officers; its words are noise without the person's key",
    "kyc.case_review": "two officers' word behind a decision; its words are noise without the person's key",
    "kyc.listed_entity": "published lists, of persons who are on them",
    "residency.application": "the number of a case is given once; the answers go",
    "residency.status": "the number of a status is given once",
    "wallet.statement": "whoever has the paper can still check it; whose it was can't be read any more",
}


class Row(msgspec.Struct, frozen=True):
    """One line of the map."""

    table: str
    column: str
    class_: str
    reason: str
    bound: str
    kept: str

    @property
    def place(self) -> tuple[str, str]:
        """Where the column is."""
        return self.table, self.column


def rows() -> list[Row]:
    with MAP.open(encoding="utf-8", newline="") as file:
        return [Row(*line) for line in list(csv.reader(file))[1:]]


@pytest.fixture
def owner(module_database: str) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(module_database, poolclass=pool.NullPool)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def columns(owner: sqlalchemy.Connection) -> dict[tuple[str, str], str]:
    """Give the type of every column there is."""
    return {(row.place, row.name): row.type for row in owner.execute(text(_COLUMNS))}


def test_every_column_is_mapped_and_nothing_else(owner: sqlalchemy.Connection) -> None:
    mapped = [row.place for row in rows()]

    assert set(mapped) == set(columns(owner))
    assert len(mapped) == len(set(mapped))


def test_a_new_column_is_noticed(owner: sqlalchemy.Connection) -> None:
    owner.execute(text("ALTER TABLE app.subject ADD COLUMN nickname text"))

    assert set(columns(owner)) - {row.place for row in rows()} == {("app.subject", "nickname")}
    owner.rollback()


def test_every_column_says_what_it_is_why_and_how_long() -> None:
    for row in rows():
        assert row.class_ in CLASSES, row
        assert row.reason, row
        assert row.kept in KEPT, row


def test_what_says_nothing_of_a_person_can_say_nothing_of_one(owner: sqlalchemy.Connection) -> None:
    types, bound = columns(owner), {(row.place, row.name, row.kind) for row in owner.execute(text(_BOUND))}

    for row in rows():
        if row.class_ != "none":
            assert not row.bound, row
        elif types[row.place] in FREE:
            assert row.bound == "written by us" or (*row.place, BOUND[row.bound]) in bound, row
        else:
            assert types[row.place] != "bytea", row


def test_what_is_sealed_wrapped_or_blind_here_is_so_in_the_code() -> None:
    listed = sealed.listed()
    wrapped = {row.place for row in rows() if row.class_ == "secret" and row.reason == "a data key, wrapped by the KEK"}

    for kind in ("sealed", "blind"):
        assert {row.place for row in rows() if row.class_ == kind} == {
            place for place, found in listed.items() if found == kind
        }
    assert wrapped == {place for place, found in listed.items() if found == "wrapped"}


def test_what_goes_with_the_person_is_erased_with_the_person(owner: sqlalchemy.Connection) -> None:
    erases = str(owner.scalar(text("SELECT pg_get_functiondef('app.erase(uuid)'::regprocedure)")))

    assert {row.table for row in rows() if row.kept == "person" and row.table not in erases} == set()


def test_what_is_about_a_person_goes_or_stays_for_a_reason() -> None:
    about = {row.table for row in rows() if row.class_ in {"personal", "sealed", "blind"} and row.kept == "for ever"}

    assert about | {"app.inbox"} == set(STAYS)


def test_what_goes_by_itself_somebody_may_delete(owner: sqlalchemy.Connection) -> None:
    for table in {row.table for row in rows() if row.kept == "minutes"}:
        query = text("SELECT has_table_privilege('eresidency_worker', :table, 'DELETE')")
        assert owner.scalar(query, {"table": table}), table


def test_a_term_is_applied_to_what_it_is_for() -> None:
    for row in rows():
        if row.kept.startswith("retention."):
            statement = str(retention.KINDS[row.kept.removeprefix("retention.")].statement)
            assert row.table in statement or statement.startswith("SELECT app.forget_cards"), row


_COLUMNS = """
SELECT table_schema || '.' || table_name AS place, column_name AS name, data_type AS type
FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'public')
"""
_BOUND = """
SELECT replace(conrelid::regclass::text, '"', '') AS place, attname AS name, contype::text AS kind
FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey) WHERE contype IN ('c', 'f')
"""
