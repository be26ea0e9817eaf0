"""Every code the product books has words: the codes are read from the code itself, so a new one can't come without."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from uuid import UUID

import pytest

from app.banking import booking
from app.banking.booking import Places
from app.banking.order import ERRANDS, RETURNABLE, Act, Kind, Order
from app.banking.quoting import Quote
from app.language import Language
from app.statements import bank_codes, paper
from cards.disputes import legs
from cards.payments import funds
from cards.settlement import breaks, posting
from law.money import KZT, USD
from wallet import transfer
from wallet.chart import Purpose
from wallet.transfer import AccountId

ROOT = Path(__file__).parents[3]
ROOMS = ("app", "wallet", "cards", "invest")
NAMING = {move.__name__ for move in transfer.Move.__args__}
AT = datetime(2026, 11, 22, tzinfo=UTC)


def orders() -> set[str]:
    """Let every kind of order end in every way, and note what would be booked."""
    numbers = iter(range(1, 100))

    def account() -> AccountId:
        return AccountId(UUID(int=next(numbers)))

    at = Places(
        bank=account(),
        clearing=account(),
        fees=account(),
        suspense=account(),
        rounding=account(),
        holdings={KZT: account(), USD: account()},
        positions={KZT: account(), USD: account()},
    )
    price = Quote(
        id=UUID(int=1), holder=UUID(int=2), partner=UUID(int=3), bank_quote="q", fixed="sells", rate="526.31",
        reference_rate="526", source="bank", sells_minor=1_000_00, sells_currency=KZT, buys_minor=1_90,
        buys_currency=USD, source_account=UUID(int=4), target_account=UUID(int=5), at=AT, expires_at=AT,
    )  # fmt: skip
    codes = set()
    for kind in set(Kind) - ERRANDS:
        order = Order(
            id=UUID(int=9), kind=kind, holder=UUID(int=2), partner=UUID(int=3), about=UUID(int=6), lane=1,
            amount_minor=price.sells_minor, currency=KZT, fee_minor=1, source=account(), target=account(),
            requested_at=AT,
        )  # fmt: skip
        codes.add(booking.hold(order, at).code)
        for act in (Act.FINISH, Act.REJECT, *([Act.RETURN] if kind in RETURNABLE else [])):
            codes |= {move.code for move in booking.moves(order, act, at, account(), price)}
    return codes


#: Where a code is put together, and what it may then be.
COMPUTED = {
    "app/banking/booking.py": orders(),
    "cards/payments/funds.py": {leg.value for leg in funds.Leg},
    "cards/disputes/legs.py": {leg.value for leg in legs.Leg},
    "cards/settlement/posting.py": {leg.value for leg in posting.Leg},
    "cards/settlement/breaks.py": set(breaks.CODES.values()),
}


def written(tree: ast.Module) -> Iterator[str | None]:
    """Read the codes a module writes out; None is one it puts together."""
    known = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = {
        node: node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        places = {argument.arg: place for place, argument in enumerate(function.args.args)}
        inside = set(ast.walk(function))
        for call in (call for call, name in calls.items() if name in NAMING and call in inside):
            [code] = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
            if isinstance(code, ast.Name) and code.id in places:
                given = [each.args[places[code.id]] for each, name in calls.items() if name == function.name]
            else:
                given = [known.get(code.id, code) if isinstance(code, ast.Name) else code]
            yield from (str(each.value) if isinstance(each, ast.Constant) else None for each in given)


@cache
def booked() -> set[str]:
    codes = set()
    for path in sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for code in written(ast.parse(path.read_text(encoding="utf-8"))):
            codes |= COMPUTED[name] if code is None else {code}
    return codes


def test_every_code_that_is_booked_has_words_and_no_other_has() -> None:
    codes = booked()

    assert {"transfer", "hold_expired", "payment.received", "payout.fee_back", "card_short", "adjustment"} <= codes
    assert {f"code.{code}" for code in codes} == {word for word in paper.texts() if word.startswith("code.")}


def test_every_code_that_is_booked_is_something_to_other_banks() -> None:
    unknown = {comes: bank_codes.of("of.tomorrow", comes=comes) for comes in (True, False)}
    meant = {"bank_account.reported", "sandbox.funding", "hold_expired"}

    vague = {code for code in booked() for comes in unknown if bank_codes.of(code, comes=comes) == unknown[comes]}

    assert unknown == {True: ("PMNT", "MCOP", "OTHR"), False: ("PMNT", "MDOP", "OTHR")}
    assert vague == meant


@pytest.mark.parametrize(
    ("code", "comes", "meant"),
    [
        ("transfer.list", False, ("PMNT", "ICDT", "BOOK")),
        ("transfer.standing", False, ("PMNT", "ICDT", "STDO")),
        ("payment.received", True, ("PMNT", "RCDT", "DMCT")),
        ("payout.fee", False, ("PMNT", "ICDT", "FEES")),
        ("payout.returned", True, ("PMNT", "RCDT", "RRTN")),
        ("exchange.arrived", True, ("FORX", "SPOT", "OTHR")),
        ("card_fee_back", True, ("PMNT", "CCRD", "FEES")),
        ("invest.interest", True, ("LDAS", "FTDP", "INTR")),
    ],
)
def test_a_code_is_what_its_first_words_are(code: str, comes: bool, meant: tuple[str, str, str]) -> None:
    assert bank_codes.of(code, comes=comes) == meant


def test_the_page_of_the_ledger_names_every_code_and_every_purpose() -> None:
    page = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    named = {name for line in page.splitlines() if line[:3] == "| `" for name in re.findall(r"`([a-z_.]+)`", line)}

    assert booked() | set(Purpose) <= named


def test_a_code_is_found_wherever_it_is_written() -> None:
    source = """
CODE = "constant"
def first(code): return Post(code=code)
def second(): return [first("given"), Hold(code="literal"), Release(code=CODE), Capture(code=f"{x}.y")]
"""

    assert set(written(ast.parse(source))) == {"given", "literal", "constant", None}


@pytest.mark.parametrize(
    ("kind", "comes", "text"),
    [
        ("hold", False, "Money set aside"),
        ("void", False, "Money no longer set aside"),
        ("expire", False, "Money no longer set aside"),
        ("capture", False, "Money paid"),
        ("post", True, "Money received"),
        ("reversal", True, "Reversal"),
    ],
)
def test_what_has_no_words_yet_is_told_by_what_it_does(kind: str, comes: bool, text: str) -> None:
    assert paper.said(kind, "of.tomorrow", "", Language.EN, comes=comes) == text


def test_a_correction_that_takes_a_transfer_back_says_so_whatever_its_code() -> None:
    assert paper.said("reversal", "adjustment", "", Language.EN, comes=True) == "Reversal"
