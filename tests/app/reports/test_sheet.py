"""The canonical text of a report: one order, one spelling, one hash."""

import csv
import hashlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reports.sheet import Row, sheet

rows = st.lists(
    st.builds(
        Row,
        measure=st.text(min_size=1, max_size=5),
        key=st.text(max_size=5),
        currency=st.sampled_from(["", "KZT", "USD"]),
        count=st.integers(0, 10**20),
        amount_minor=st.none() | st.integers(),
        cap=st.none() | st.integers(),
    ),
    max_size=8,
    unique_by=lambda row: (row.measure, row.key, row.currency),
)


def test_rows_are_written_as_rfc_4180_with_a_header() -> None:
    written = sheet(
        [Row(measure="b", key='a "b", c', currency="KZT", count=2, amount_minor=-5), Row(measure="a", count=0)]
    )

    assert written.csv == b'measure,key,currency,count,amount_minor,cap\na,,,0,,\nb,"a ""b"", c",KZT,2,-5,\n'
    assert written.sha256 == hashlib.sha256(written.csv).digest()


def test_a_report_of_nothing_is_its_header() -> None:
    assert sheet([]).csv == b"measure,key,currency,count,amount_minor,cap\n"


@given(rows, st.randoms())
def test_the_order_in_which_rows_are_found_does_not_matter(found: list[Row], random: Random) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)

    assert sheet(shuffled) == sheet(found)


@given(rows)
def test_two_different_figures_have_two_hashes(found: list[Row]) -> None:
    more = [*found, Row(measure="cards.alive of another day", count=1)]

    assert sheet(found).sha256 != sheet(more).sha256


@pytest.mark.parametrize("text", ["a\nb", "a,b", 'a"b', "қ", ""])
def test_any_text_is_read_back(text: str) -> None:
    written = sheet([Row(measure="m", key=text, count=1)]).csv.decode()

    assert list(csv.reader(written.splitlines(keepends=True)))[1][1] == text
