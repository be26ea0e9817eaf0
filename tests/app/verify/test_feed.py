"""The audit chain: whole as written; what test_tampering.py does not draw by lot."""

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from app import verify
from app.verify import Kind, Verdict
from app.verify.feed import check
from app.verify.finding import PLACES_MAX, Connection, snapshot
from app.verify.log import FEED, SECURITY
from proof.signer import to_jwk
from tests.app.verify import tampering
from tests.app.verify.conftest import tamper
from tests.app.verify.past import Past
from wallet.chart import CHART


def audit(books: Connection, past: Past) -> Verdict:
    return check(books, past.audit_key)


def test_what_was_written_is_sound(books: Connection, past: Past) -> None:
    verdict = audit(books, past)

    assert verdict.findings == ()
    assert (verdict.sound, verdict.exit_code) == (True, 0)
    # How many: signatures are counted by the minute, and it may be another one by now.
    told = len(books.execute("SELECT position FROM app.security_event").fetchall())
    assert verdict.looked_at == {
        "rows": 54 + len(CHART),
        "heads": 4,
        "unsigned_rows": 0,
        "events": 32 + len(CHART),
        "transfers": 15,
        "security_events": told,
        "issuance_log_entries": 96,
        "anchors": 4,
        "anchors_elsewhere": 0,
        "unanchored_rows": 0,
    }


def test_the_address_of_the_database_is_enough(past: Past) -> None:
    assert verify.audit(past.database, past.audit_key).sound


def test_verifying_can_not_write(past: Past) -> None:
    with snapshot(past.database) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("INSERT INTO app.lease (name) VALUES ('verify')")


def test_a_changed_row_is_named(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE app.security_event SET count = 7 WHERE position = 5")

    (found,) = audit(books, past).findings
    assert (found.table, found.row, found.kind) == ("app.security_event", "5", Kind.FLIPPED)


def test_a_fraction_that_was_never_written_is_a_changed_row(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE app.feed SET body = jsonb_set(body, '{number}', '1.5') WHERE body ? 'number'")

    assert {found.kind for found in audit(books, past).findings} == {Kind.FLIPPED}


def test_a_gap_that_was_closed_is_still_found(books: Connection, past: Past) -> None:
    tamper(
        books,
        "DELETE FROM app.feed WHERE position = 7",
        "UPDATE app.feed SET position = position + 1000 WHERE position > 7",
        "UPDATE app.feed SET position = position - 1001 WHERE position > 1000",
    )

    assert "7" in {found.row for found in audit(books, past).findings if found.table == FEED.table}


def test_only_the_first_places_of_a_change_everywhere_are_told(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE app.feed SET actor = actor || 'x'")

    chain = [found for found in audit(books, past).findings if (found.table, found.what[:2]) == (FEED.table, "or")]
    assert len(chain) == PLACES_MAX


@pytest.mark.parametrize("table", tampering.LOGS)
def test_a_row_put_behind_the_end_with_an_earlier_time_is_backdated(books: Connection, past: Past, table: str) -> None:
    """The chain is made whole over it, so only the anchor that did not see it can tell."""
    log = tampering.LOGS[table]
    tampering.append(books, log)
    tampering.rehash(books, log)

    end = tampering.positions(books, table)[-1]
    assert (table, str(end), Kind.BACKDATED) in {(one.table, one.row, one.kind) for one in audit(books, past).findings}


def test_a_head_signed_by_somebody_else_is_not_trusted(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE app.tree_head SET kid = 'somebody'")

    assert {(found.table, found.kind) for found in audit(books, past).findings} == {("app.tree_head", Kind.SIGNATURE)}


def test_the_signature_of_another_head_does_not_serve(books: Connection, past: Past) -> None:
    tamper(
        books,
        "UPDATE app.tree_head SET signature = (SELECT signature FROM app.tree_head ORDER BY position LIMIT 1) "
        "WHERE position = (SELECT max(position) FROM app.tree_head)",
    )

    assert {found.what for found in audit(books, past).findings} == {"has a signature that is not of it"}


def test_without_any_anchor_nothing_is_vouched_for(books: Connection, past: Past) -> None:
    tamper(books, "DELETE FROM app.anchor_head", "DELETE FROM app.anchor")

    assert {(found.table, found.kind) for found in audit(books, past).findings} == {("app.anchor", Kind.TRUNCATED)}


def test_another_trusted_key_alone_trusts_nothing(books: Connection) -> None:
    stranger = to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())

    found = {(found.table, found.kind) for found in check(books, stranger).findings}
    assert {("app.anchor", Kind.SIGNATURE), ("app.tree_head", Kind.SIGNATURE)} <= found


def test_a_key_that_was_rotated_is_passed_beside_the_new_one(books: Connection, past: Past) -> None:
    stranger = to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())

    assert check(books, stranger, past.audit_key).sound


ADDED = """
INSERT INTO wallet.event (aggregate, version, kind, actor, at, body)
VALUES (uuidv7(), 1, 'wallet.closed', 'nobody', now(), '{}')
"""


def test_an_event_nobody_relayed_was_added_later(books: Connection, past: Past) -> None:
    tamper(books, ADDED)

    (found,) = audit(books, past).findings
    assert (found.table, found.kind) == ("wallet.event", Kind.BACKDATED)


def test_an_event_still_queued_is_not_missed(books: Connection, past: Past) -> None:
    tamper(books, ADDED, "INSERT INTO app.outbox (source, event_seq) SELECT 'wallet', max(seq) FROM wallet.event")

    assert audit(books, past).sound


def test_a_transfer_changed_in_the_ledger_differs_from_the_feed(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE wallet.transfer SET amount = amount + 1 WHERE seq = 4")

    found = audit(books, past).findings
    assert {(one.table, one.row, one.kind) for one in found} == {("wallet.transfer", "1/4", Kind.FLIPPED)}


def test_the_logs_of_the_verifier_are_those_of_the_writers() -> None:
    assert {FEED.table, SECURITY.table} == set(tampering.LOGS)
