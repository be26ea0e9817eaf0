"""The ledger: the books balance as written; what test_tampering.py does not draw by lot."""

import pytest

from app import verify
from app.verify import Kind
from app.verify.books import check
from app.verify.finding import PLACES_MAX, Connection
from tests.app.verify.conftest import tamper
from tests.app.verify.past import Past


def named(books: Connection) -> set[tuple[str, Kind]]:
    return {(found.table, found.kind) for found in check(books).findings}


def test_what_was_written_is_sound(books: Connection, past: Past) -> None:
    verdict = check(books, past.audit_key)

    assert verdict.findings == ()
    assert verdict.looked_at == {
        "lanes": 1,
        "accounts": 3,
        "transfers": 15,
        "holds": 3,
        "blocks": 6,
        "statements": 1,
        "anchors": 4,
        "anchors_elsewhere": 0,
        "unanchored_blocks": 0,
    }


def test_the_address_of_the_database_is_enough(past: Past) -> None:
    assert verify.ledger(past.database).sound


# statement, and what must be named
TAMPERINGS = {
    "money from nowhere": (
        "UPDATE wallet.account SET posted = posted + 1 WHERE holder IS NOT NULL",
        ("wallet.account", Kind.FLIPPED),
    ),
    "money between accounts": (
        "UPDATE wallet.account SET posted = posted + CASE WHEN holder IS NULL THEN -2 ELSE 1 END",
        ("wallet.account", Kind.FLIPPED),
    ),
    "the operator's account deleted": (
        "DELETE FROM wallet.account WHERE holder IS NULL",
        ("wallet.account", Kind.MISSING),
    ),
    "somebody else's wallet": (
        "UPDATE wallet.account SET holder = uuidv7() WHERE holder IS NOT NULL",
        ("wallet.account", Kind.FLIPPED),
    ),
    "a floor above what is owned": (
        "UPDATE wallet.account SET floor = posted WHERE hold_out > 0",
        ("wallet.account", Kind.FLIPPED),
    ),
    "a payee": (
        """
        UPDATE wallet.transfer SET credit_version = 100, credit = (SELECT debit FROM wallet.transfer WHERE seq = 1)
        WHERE seq = 4
        """,
        ("wallet.account", Kind.FLIPPED),
    ),
    "the last transfer deleted": (
        "DELETE FROM wallet.transfer WHERE seq = 15",
        ("wallet.transfer", Kind.TRUNCATED),
    ),
    "a transfer added": (
        """
        INSERT INTO wallet.transfer
        SELECT lane, 16, uuidv7(), kind, debit, credit, amount, held, currency, of, linked, 100, 100, debit_posted,
               credit_posted, debit_hold_out, credit_hold_in, at, effective, code, reference
        FROM wallet.transfer WHERE seq = 1
        """,
        ("wallet.transfer", Kind.BACKDATED),
    ),
    "a hold deleted": ("DELETE FROM wallet.hold WHERE remaining = 0", ("wallet.hold", Kind.MISSING)),
    "a block deleted": ("DELETE FROM wallet.block WHERE no = 2", ("wallet.block", Kind.MISSING)),
    "a block's time": (
        "UPDATE wallet.block SET at = at - interval '1 second' WHERE no = 2",
        ("wallet.block", Kind.FLIPPED),
    ),
}


@pytest.mark.parametrize(("statement", "told"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_a_change_is_found_and_named(statement: str, told: tuple[str, Kind], books: Connection) -> None:
    tamper(books, statement)

    assert told in named(books)


#: statement, and what is said of it: one for each check of what belongs together.
SAID = {
    "an account that is not on the chart": (
        "UPDATE wallet.account SET purpose = 'fees' WHERE holder IS NULL",
        "is not what the chart says of fees",
    ),
    "an account closed by nobody": (
        "UPDATE wallet.account SET closed_at = now() WHERE holder IS NOT NULL",
        "is closed, and was not",
    ),
    "a group of another size": ("UPDATE wallet.linked SET transfers = 1", "is not the group of its transfers"),
    "a group with one missing elsewhere": (
        "UPDATE wallet.linked SET total = 3",
        "other transfers than belong together",
    ),
    "a group nobody made": (
        "UPDATE wallet.transfer SET linked = id WHERE seq = 4",
        "is not the group of its transfers",
    ),
    "money that left a lane and came to none": (
        "UPDATE wallet.account SET purpose = 'transit', label = '2' WHERE holder IS NULL",
        "do not add up to zero",
    ),
    "money in transit by itself": (
        "UPDATE wallet.account SET purpose = 'transit', label = '2' WHERE holder IS NULL",
        "is in transit outside of a group",
    ),
    "more moved back than was moved": (
        "UPDATE wallet.transfer SET amount = amount + 100000 WHERE kind = 'reversal'",
        "moves back more than was moved",
    ),
    "a reversal of nothing": (
        "UPDATE wallet.transfer SET of = uuidv7() WHERE kind = 'reversal'",
        "moves back what was not moved",
    ),
    "a void of more than was held": (
        "UPDATE wallet.transfer SET held = held - 1 WHERE kind = 'void'",
        "frees what was not held",
    ),
    "another floor for wallets": (
        "UPDATE wallet.chart SET floor = -100 WHERE purpose = 'wallet'",
        "is not the line that was added to the chart",
    ),
    "a line of the chart that nobody added": (
        "INSERT INTO wallet.chart (purpose, side, owner, about) VALUES ('slush', 'either', 'operator', 'hidden')",
        "is not the line that was added to the chart",
    ),
    "another bank behind an account of the operator": (
        "UPDATE wallet.account SET label = 'demo-sary' WHERE holder IS NULL",
        "is not the account that was opened",
    ),
    "another IBAN for a wallet": (
        "UPDATE wallet.address SET iban = 'KZ00' || substr(iban, 5)",
        "is not the address that was given to the wallet",
    ),
    "addresses that changed owners": (
        "UPDATE wallet.address SET holder = other.holder FROM wallet.address AS other WHERE other.iban > address.iban",
        "is not the address that was given to the wallet",
    ),
    "a period that is open again": (
        "DELETE FROM wallet.period WHERE approved_at IS NOT NULL",
        "is not what two officers decided",
    ),
    "a statement found by another code": (
        "UPDATE wallet.statement SET code = sha256(code)",
        "is not the statement that was issued",
    ),
    "a statement with another hash": (
        "UPDATE wallet.statement SET root = sha256(root)",
        "has another hash than its rows",
    ),
    "a statement with rows of other days": (
        "UPDATE wallet.statement SET begins_on = begins_on + 1",
        "leaves out rows of its days, or takes in others",
    ),
    "an exchange nobody made": (
        """
        INSERT INTO wallet.event (aggregate, version, kind, actor, at, body)
        VALUES (uuidv7(), 1, 'wallet.exchanged', 'system:test', now(), '{
            "group": "0192f7d0-6a4b-7c3e-8000-000000000000", "given_minor": 100, "given_currency": "USD",
            "got_minor": 52631, "got_currency": "KZT", "remainder_minor": 0, "base": "USD", "quote": "KZT",
            "rate": "526.31"}')
        """,
        "is not the exchange its transfers made",
    ),
}


@pytest.mark.parametrize(("statement", "said"), SAID.values(), ids=SAID)
def test_what_does_not_belong_together_is_said(statement: str, said: str, books: Connection) -> None:
    tamper(books, statement)

    assert any(said in found.what for found in check(books).findings)


def test_two_transfers_of_a_block_that_changed_places_are_found(books: Connection) -> None:
    tamper(
        books,
        "UPDATE wallet.transfer SET seq = 1000 WHERE seq = 4",
        "UPDATE wallet.transfer SET seq = 4 WHERE seq = 5",
        "UPDATE wallet.transfer SET seq = 5 WHERE seq = 1000",
    )

    assert ("wallet.transfer", Kind.REORDERED) in named(books)


def test_an_amount_changed_with_everything_that_follows_from_it_breaks_its_block(books: Connection) -> None:
    """The last posting between the two wallets, with both balances, versions untouched: the books still balance."""
    tamper(
        books,
        "UPDATE wallet.account SET posted = posted - 100 WHERE id = (SELECT debit FROM wallet.transfer WHERE seq = 7)",
        "UPDATE wallet.account SET posted = posted + 100 WHERE id = (SELECT credit FROM wallet.transfer WHERE seq = 7)",
        """
        UPDATE wallet.transfer SET
            debit_posted = transfer.debit_posted + CASE transfer.debit WHEN was.debit THEN -100 WHEN was.credit THEN 100
                                                                       ELSE 0 END,
            credit_posted = transfer.credit_posted + CASE transfer.credit WHEN was.debit THEN -100
                                                                          WHEN was.credit THEN 100 ELSE 0 END
        FROM (SELECT debit, credit FROM wallet.transfer WHERE seq = 7) AS was WHERE seq >= 7
        """,
        "UPDATE wallet.transfer SET amount = amount + 100 WHERE seq = 7",
    )

    (found,) = check(books).findings
    assert (found.table, found.row, found.kind) == ("wallet.transfer", "1/3..7", Kind.FLIPPED)


def test_a_tail_cut_off_with_its_blocks_is_seen_at_the_balances(books: Connection) -> None:
    tamper(
        books,
        "DELETE FROM wallet.block WHERE no >= 4",
        "DELETE FROM wallet.transfer WHERE seq > 10",
        "UPDATE wallet.lane SET seq = 10, relayed = 10, block = 3, head = (SELECT hash FROM wallet.block WHERE no = 3)",
    )

    assert {("wallet.account", Kind.FLIPPED), ("wallet.hold", Kind.FLIPPED)} <= named(books)


def test_only_the_first_places_of_a_change_everywhere_are_told(books: Connection) -> None:
    tamper(
        books, "UPDATE wallet.transfer SET debit_version = debit_version + 1000, credit_version = credit_version + 1000"
    )

    told = [found for found in check(books).findings if "is version" in found.what]
    assert 0 < len(told) <= PLACES_MAX
