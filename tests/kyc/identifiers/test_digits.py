"""Numbers that stand for people: copied right or not, and nothing else is ever read out of them."""

import ast
import inspect
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.identifiers import digits, identifier
from kyc.identifiers.identifier import BadNumber, Scheme
from kyc.packs import catalogue

ROOT = Path(__file__).parents[3]
PROGRAM = ("app", "kyc", "residency", "wallet", "cards", "invest", "law", "proof")


@pytest.mark.parametrize("number", ["900101300017", "790228390008", "940140000385"])
def test_an_iin_or_bin_has_its_check_digit(number: str) -> None:
    assert digits.iin(number)
    wrong = [number[:11] + str(last) for last in range(10) if str(last) != number[11]]
    assert not any(map(digits.iin, wrong))


@pytest.mark.parametrize("number", ["", "90010130001", "9001013000177", "90010130001x", "٩٠٠١٠١٣٠٠٠١٧", "-90010130001"])
def test_what_is_no_twelve_digits_is_no_iin(number: str) -> None:
    assert not digits.iin(number)


@pytest.mark.parametrize("name", sorted(set(digits.VALIDATORS) - {"none"}))
def test_a_row_of_zeros_is_nobodys_number(name: str) -> None:
    """Its weighed sum is in order by every scheme, so it would pass wherever somebody types it to be rid of a field."""
    assert not any(digits.VALIDATORS[name]("0" * count) for count in range(1, 19))


def test_a_second_round_follows_where_the_first_gives_ten_and_none_where_both_do() -> None:
    bodies = [f"{n:011d}" for n in range(90_010_100_000, 90_010_600_000, 167)]
    by_round = {0: 0, 1: 0, 2: 0}
    for body in bodies:
        first = sum(int(d) * w for d, w in zip(body, range(1, 12), strict=True)) % 11
        second = sum(int(d) * w for d, w in zip(body, (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2), strict=True)) % 11
        valid = [str(last) for last in range(10) if digits.iin(body + str(last))]
        which = 0 if first != 10 else 1 if second != 10 else 2
        by_round[which] += 1
        assert valid == [[str(first)], [str(second)], []][which]

    assert all(by_round.values()), "every round was met"
    assert 0.004 < by_round[2] / len(bodies) < 0.013


def test_the_eleventh_digit_is_hardly_covered() -> None:
    """Its weight is 11: in the first round any digit will do there. A number in order may still be miscopied."""
    assert digits.iin("900101300017")
    assert digits.iin("900101300027")


def test_the_seventh_digit_may_be_anything() -> None:
    """Foreigners may carry 0 there; since 2013 it says nothing anyway."""
    found = {
        body[6]
        for body in (f"900101{n:05d}" for n in range(0, 99_999, 137))
        for c in "0123456789"
        if digits.iin(body + c)
    }

    assert found == set("0123456789")


def test_an_e_iin_is_never_held_against_the_check_digit_of_an_iin() -> None:
    assert not digits.iin("900101300011")
    assert identifier.read(Scheme.E_IIN, "KZ", "900101300011") == "900101300011"
    with pytest.raises(BadNumber):
        identifier.read(Scheme.IIN, "KZ", "900101300011")


@pytest.mark.parametrize(
    ("scheme", "country", "value", "kept"),
    [
        (Scheme.IIN, "KZ", "900101 300017", "900101300017"),
        (Scheme.PASSPORT, "DE", "c01x00t47", "C01X00T47"),
        (Scheme.TAX, "TR", "10000000146", "10000000146"),
        (Scheme.TAX, "ZW", "63-123456 K 07", "63123456K07"),
        (Scheme.IIN, "TR", "900101300017", None),
        (Scheme.TAX, "TR", "10000000156", None),
        (Scheme.PASSPORT, "DE", "--", None),
        (Scheme.PASSPORT, "DE", "C01<00", None),
    ],
)
def test_a_number_is_kept_in_one_spelling_or_refused(
    scheme: Scheme, country: str, value: str, kept: str | None
) -> None:
    rules = catalogue.shipped().of(country, date(2026, 11, 22)).numbers
    validator = next((digits.VALIDATORS[rule.validator] for rule in rules), None)

    if kept is None:
        with pytest.raises(BadNumber):
            identifier.read(scheme, country, value, validator)
    else:
        assert identifier.read(scheme, country, value, validator) == kept


@given(st.text(max_size=20), st.sampled_from(sorted(digits.VALIDATORS)))
def test_any_text_is_a_number_or_is_not(text: str, validator: str) -> None:
    assert digits.VALIDATORS[validator](text) in {True, False}


def told_by(module: str) -> set[str]:
    """Name what a module makes of a number: the annotation of each of its public functions' answers."""
    tree = ast.parse(module)
    return {
        ast.unparse(each.returns)
        for each in tree.body
        if isinstance(each, ast.FunctionDef) and each.returns and not each.name.startswith("_")
    }


def test_nothing_is_read_out_of_a_number_but_whether_it_is_in_order() -> None:
    assert told_by(inspect.getsource(digits)) == {"bool"}


def test_nobody_takes_an_iin_apart() -> None:
    """No sex, no age, no birthday: nothing slices what is called an IIN, and nobody but two modules has the digits."""
    users, slices = set(), []
    for file in (file for package in PROGRAM for file in (ROOT / package).rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        if "kyc.identifiers" not in source and "iin" not in source:
            continue
        nodes = list(ast.walk(ast.parse(source)))
        if any(map(_has_the_digits, nodes)):
            users.add(file.relative_to(ROOT).as_posix())
        slices += [f"{file}: {ast.unparse(each)}" for each in nodes if _takes_apart(each)]

    assert users == {
        "app/http/mobile/identifiers.py", "kyc/identifiers/identifier.py", "kyc/packs/linter.py", "kyc/packs/rule.py",
    }  # fmt: skip
    assert slices == []


def _has_the_digits(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.ImportFrom)
        and node.module == "kyc.identifiers"
        and "digits" in {each.name for each in node.names}
    )


def _takes_apart(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and "iin" in ast.unparse(node.value).lower().split("_")


@pytest.mark.parametrize("planted", ["sex = iin[6]", "born = row.iin[:6]", "x = e_iin[0:2]"])
def test_somebody_who_takes_an_iin_apart_is_caught(planted: str) -> None:
    assert any(_takes_apart(each) for each in ast.walk(ast.parse(planted.replace("row.iin", "iin"))))
