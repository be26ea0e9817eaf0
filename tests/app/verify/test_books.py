"""The ledger: the books balance as written, and no change by whoever owns the database goes unseen."""

import pytest

from app import verify
from app.verify.books import check
from app.verify.finding import PLACES_MAX, Connection
from tests.app.verify.conftest import Past, tamper


def test_what_was_written_is_sound(books: Connection) -> None:
    verdict = check(books)

    assert verdict.findings == ()
    assert verdict.looked_at == {"lanes": 1, "accounts": 3, "transfers": 12, "holds": 3, "blocks": 4}


def test_the_address_of_the_database_is_enough(past: Past) -> None:
    assert verify.ledger(past.database).sound


# statement(s), and a check that must notice
TAMPERINGS = {
    "money from nowhere": ("UPDATE wallet.account SET posted = posted + 1 WHERE holder IS NOT NULL", "trial_balance"),
    "money between accounts": (
        "UPDATE wallet.account SET posted = posted + CASE WHEN holder IS NULL THEN -2 ELSE 1 END",
        "balance",
    ),
    "an account's version": ("UPDATE wallet.account SET version = version + 1 WHERE holder IS NULL", "balance"),
    "an account's hold": ("UPDATE wallet.account SET hold_out = hold_out + 1 WHERE hold_out > 0", "held"),
    "an account's currency": ("UPDATE wallet.account SET currency = 'USD' WHERE holder IS NULL", "balance"),
    "an account deleted": ("DELETE FROM wallet.account WHERE holder IS NULL", "balance"),
    "a floor": (
        """
        ALTER TABLE wallet.account DROP CONSTRAINT overdraft;
        UPDATE wallet.account SET floor = posted WHERE hold_out > 0
        """,
        "overdraft",
    ),
    "an amount": ("UPDATE wallet.transfer SET amount = amount + 1 WHERE seq = 4", "running_balance"),
    "a running balance": (
        "UPDATE wallet.transfer SET credit_posted = credit_posted + 1 WHERE seq = 4",
        "running_balance",
    ),
    "a running hold": ("UPDATE wallet.transfer SET debit_hold_out = 0 WHERE seq = 9", "running_balance"),
    "a payee": (
        """
        UPDATE wallet.transfer SET credit_version = 100, credit = (SELECT debit FROM wallet.transfer WHERE seq = 1)
        WHERE seq = 4
        """,
        "balance",
    ),
    "a code": ("UPDATE wallet.transfer SET code = 'test.other' WHERE seq = 4", "block"),
    "a reference": ("UPDATE wallet.transfer SET reference = 'x' WHERE seq = 4", "block"),
    "a value date": ("UPDATE wallet.transfer SET effective = effective - interval '1 day' WHERE seq = 4", "block"),
    "an id": ("UPDATE wallet.transfer SET id = uuidv7() WHERE seq = 4", "block"),
    "a link": ("UPDATE wallet.transfer SET linked = uuidv7() WHERE seq = 4", "block"),
    "a transfer deleted": ("DELETE FROM wallet.transfer WHERE seq = 4", "sequence"),
    "the last transfer deleted": ("DELETE FROM wallet.transfer WHERE seq = 12", "lane"),
    "a transfer added": (
        """
        INSERT INTO wallet.transfer
        SELECT lane, 13, uuidv7(), kind, debit, credit, amount, held, currency, of, linked, 100, 100, debit_posted,
               credit_posted, debit_hold_out, credit_hold_in, at, effective, code, reference
        FROM wallet.transfer WHERE seq = 1
        """,
        "lane",
    ),
    "a lane's count": ("UPDATE wallet.lane SET seq = seq + 1", "lane"),
    "a lane's head": ("UPDATE wallet.lane SET head = sha256(head)", "block"),
    "a hold's remainder": ("UPDATE wallet.hold SET remaining = remaining - 1 WHERE remaining > 0", "hold"),
    "a hold deleted": ("DELETE FROM wallet.hold WHERE remaining = 0", "hold"),
    "a hold invented": (
        """
        INSERT INTO wallet.hold
        SELECT lane, uuidv7(), debit, credit, currency, amount, remaining FROM wallet.hold LIMIT 1
        """,
        "hold",
    ),
    "a block's root": ("UPDATE wallet.block SET root = sha256(root) WHERE no = 2", "block"),
    "a block's hash": ("UPDATE wallet.block SET hash = sha256(hash) WHERE no = 2", "block"),
    "a block's time": ("UPDATE wallet.block SET at = at - interval '1 second' WHERE no = 2", "block"),
    "a block deleted": ("DELETE FROM wallet.block WHERE no = 2", "block"),
    "the last block deleted": ("DELETE FROM wallet.block WHERE no = 4", "block"),
}


@pytest.mark.parametrize(("statement", "fails"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_change_is_found(statement: str, fails: str, books: Connection) -> None:
    tamper(books, statement)

    assert fails in {finding.check for finding in check(books).findings}


def test_two_transfers_in_the_wrong_order_are_found(books: Connection) -> None:
    tamper(
        books,
        "UPDATE wallet.transfer SET seq = 1000 WHERE seq = 4",
        "UPDATE wallet.transfer SET seq = 4 WHERE seq = 5",
        "UPDATE wallet.transfer SET seq = 5 WHERE seq = 1000",
    )

    assert {"running_balance", "block"} <= {finding.check for finding in check(books).findings}


def test_an_amount_changed_with_everything_that_follows_from_it_breaks_its_block(books: Connection) -> None:
    """The last posting between the two wallets, with both balances, versions untouched: the books still balance."""
    tamper(
        books,
        "UPDATE wallet.account SET posted = posted - 100 WHERE id = (SELECT debit FROM wallet.transfer WHERE seq = 7)",
        "UPDATE wallet.account SET posted = posted + 100 WHERE id = (SELECT credit FROM wallet.transfer WHERE seq = 7)",
        "UPDATE wallet.transfer SET debit_posted = debit_posted - 100 WHERE seq > 7",
        "UPDATE wallet.transfer SET amount = amount + 100, debit_posted = debit_posted - 100, "
        "credit_posted = credit_posted + 100 WHERE seq = 7",
    )

    assert {finding.check for finding in check(books).findings} == {"block"}


def test_a_tail_cut_off_with_its_blocks_is_seen_at_the_balances(books: Connection) -> None:
    tamper(
        books,
        "DELETE FROM wallet.block WHERE no = 4",
        "DELETE FROM wallet.transfer WHERE seq > 10",
        "UPDATE wallet.lane SET seq = 10, relayed = 10, block = 3, head = (SELECT hash FROM wallet.block WHERE no = 3)",
    )

    assert {"balance", "hold"} <= {finding.check for finding in check(books).findings}


def test_only_the_first_places_of_a_change_everywhere_are_told(books: Connection) -> None:
    tamper(
        books, "UPDATE wallet.transfer SET debit_version = debit_version + 1000, credit_version = credit_version + 1000"
    )

    told = [finding for finding in check(books).findings if finding.check == "running_balance"]
    assert len(told) == PLACES_MAX
