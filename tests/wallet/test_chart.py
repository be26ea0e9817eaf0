"""The chart of accounts: code and database say the same, and an account that is not on it does not come to be."""

from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from psycopg import errors
from psycopg.rows import dict_row

from app import ids
from law.money import KZT
from tests.walls import lives
from wallet.chart import CHART, Owner, Purpose
from wallet.events import LineAdded

Row = dict[str, object]
Owners = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def owner(database: str) -> Iterator[Owners]:
    with lives.connect(database) as connection:
        yield connection
        connection.rollback()


def test_the_lines_in_code_are_those_in_the_database(owner: Owners) -> None:
    found = owner.cursor(row_factory=dict_row).execute("SELECT * FROM wallet.chart").fetchall()

    assert {Purpose(row.pop("purpose")): row for row in found} == {
        purpose: line._asdict() for purpose, line in CHART.items()
    }


def test_every_purpose_has_its_line() -> None:
    assert set(CHART) == set(Purpose)


@pytest.mark.parametrize("purpose", Purpose)
def test_an_account_as_its_line_says_is_opened(owner: Owners, purpose: Purpose) -> None:
    insert(owner, row(owner, purpose))


@pytest.mark.parametrize("purpose", Purpose)
def test_an_account_that_breaks_its_line_is_refused(owner: Owners, purpose: Purpose) -> None:
    line = CHART[purpose]
    resident = line.owner is Owner.RESIDENT
    wrong: list[Row] = [
        {"holder": None if resident else resident_of(owner)},
        {"floor": 1 if line.floor is None else line.floor + 1},
        {"label": "" if line.label else "somebody"},
    ]
    wrong += [{"currency": "USD"}] if line.currency is KZT else []

    for change in wrong:
        with pytest.raises(errors.CheckViolation), owner.transaction():
            insert(owner, row(owner, purpose) | change)


def test_a_purpose_that_is_not_on_the_chart_is_refused(owner: Owners) -> None:
    with pytest.raises((errors.CheckViolation, errors.ForeignKeyViolation)):
        insert(owner, row(owner, Purpose.FEES) | {"purpose": "petty_cash"})


def test_all_accounts_of_a_holder_are_on_one_lane(owner: Owners) -> None:
    owner.execute("INSERT INTO wallet.lane (lane) VALUES (7)")

    with pytest.raises(errors.CheckViolation, match="share a lane"):
        insert(owner, row(owner, Purpose.PARTNER_ACCOUNT) | {"lane": 7})


@pytest.mark.parametrize(
    "change", ["UPDATE wallet.chart SET floor = -1 WHERE purpose = 'wallet'", "DELETE FROM wallet.chart"]
)
def test_a_line_stands_as_it_was_written(owner: Owners, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="only added to"):
        owner.execute(change.encode())


def test_the_journal_says_what_every_line_was_and_who_added_it(owner: Owners) -> None:
    owner.execute(
        "INSERT INTO wallet.chart (purpose, side, owner, about) VALUES ('petty_cash', 'debit', 'operator', '')"
    )

    told = owner.execute(
        "SELECT body, actor FROM wallet.event WHERE kind = 'chart.line_added' ORDER BY version"
    ).fetchall()
    lines = [msgspec.convert(body, LineAdded) for body, _ in told]
    assert sorted(line.purpose for line in lines) == sorted([*CHART, "petty_cash"])
    assert lines[-1].purpose == "petty_cash"
    assert all(line.floor == CHART[Purpose(line.purpose)].floor for line in lines[:-1])
    assert told[-1][1] == f"system:{owner.info.user}"


def row(owner: Owners, purpose: Purpose) -> Row:
    line = CHART[purpose]
    return {
        "lane": 1,
        "id": ids.new(),
        "holder": resident_of(owner) if line.owner is Owner.RESIDENT else None,
        "purpose": purpose.value,
        "label": "somewhere" if line.label else "",
        "currency": "KZT",
        "floor": line.floor,
    }


def resident_of(owner: Owners) -> object:
    holder = ids.new()
    owner.execute("INSERT INTO wallet.holder (holder, lane, opened_at) VALUES (%s, 1, now())", [holder])
    return holder


def insert(owner: Owners, account: Row) -> None:
    owner.execute(
        "INSERT INTO wallet.account (lane, id, holder, purpose, label, currency, floor, opened_at)"
        " VALUES (%(lane)s, %(id)s, %(holder)s, %(purpose)s, %(label)s, %(currency)s, %(floor)s, now())",
        account,
    )
