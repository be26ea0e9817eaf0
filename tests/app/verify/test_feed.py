"""The audit chain: whole as written, and no change by whoever owns the database goes unseen."""

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from app import outbox, verify
from app.verify import Verdict, Witness
from app.verify.feed import check
from app.verify.finding import Connection, snapshot
from proof.signer import to_jwk
from tests.app.verify.conftest import Past, tamper


def audit(books: Connection, past: Past) -> Verdict:
    return check(books, past.audit_key)


def test_what_was_written_is_sound(books: Connection, past: Past) -> None:
    verdict = audit(books, past)

    assert verdict.findings == ()
    assert verdict.sound
    assert verdict.looked_at == {"rows": 19, "heads": 2, "unsigned_rows": 0, "events": 2, "transfers": 12}


def test_the_address_of_the_database_is_enough(past: Past) -> None:
    assert verify.audit(past.database, past.audit_key).sound


def test_verifying_can_not_write(past: Past) -> None:
    with snapshot(past.database) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("INSERT INTO app.lease (name) VALUES ('verify')")


FLIPS = {
    "position": "UPDATE app.feed SET position = 99 WHERE position = 5",
    "event_id": "UPDATE app.feed SET event_id = uuidv7() WHERE position = 5",
    "source": "UPDATE app.feed SET source = 'kyc' WHERE position = 5",
    "aggregate": "UPDATE app.feed SET aggregate = uuidv7() WHERE position = 5",
    "version": "UPDATE app.feed SET version = version + 1 WHERE position = 5",
    "holder": "UPDATE app.feed SET holder = NULL WHERE position = 5",
    "kind": "UPDATE app.feed SET kind = 'transfer.void' WHERE position = 5",
    "actor": "UPDATE app.feed SET actor = 'officer:1' WHERE position = 5",
    "at": "UPDATE app.feed SET at = at - interval '1 microsecond' WHERE position = 5",
    "body": "UPDATE app.feed SET body = jsonb_set(body, '{amount_minor}', '1') WHERE position = 5",
    "body with a float": "UPDATE app.feed SET body = jsonb_set(body, '{amount_minor}', '1.5') WHERE position = 5",
    "hash": "UPDATE app.feed SET hash = sha256(hash) WHERE position = 5",
}


@pytest.mark.parametrize("statement", FLIPS.values(), ids=FLIPS)
def test_a_changed_field_breaks_the_chain(statement: str, books: Connection, past: Past) -> None:
    tamper(books, statement)

    assert "chain" in {finding.check for finding in audit(books, past).findings}


def test_a_changed_row_is_named(books: Connection, past: Past) -> None:
    tamper(books, FLIPS["actor"])

    assert [finding.where for finding in audit(books, past).findings if finding.check == "chain"] == ["5"]


def test_a_deleted_row_leaves_a_gap(books: Connection, past: Past) -> None:
    tamper(books, "DELETE FROM app.feed WHERE position = 7")

    found = audit(books, past).findings
    assert ("chain", "8") in {(finding.check, finding.where) for finding in found}
    assert {finding.check for finding in found} & {"source", "transfer"}


def test_a_gap_that_was_closed_is_still_found(books: Connection, past: Past) -> None:
    tamper(
        books,
        "DELETE FROM app.feed WHERE position = 7",
        "UPDATE app.feed SET position = position + 1000 WHERE position > 7",
        "UPDATE app.feed SET position = position - 1001 WHERE position > 1000",
    )

    assert "chain" in {finding.check for finding in audit(books, past).findings}


def test_two_rows_in_the_wrong_order_are_found(books: Connection, past: Past) -> None:
    tamper(
        books,
        "UPDATE app.feed SET position = 1000 WHERE position = 6",
        "UPDATE app.feed SET position = 6 WHERE position = 7",
        "UPDATE app.feed SET position = 7 WHERE position = 1000",
    )

    assert {"6", "7"} <= {finding.where for finding in audit(books, past).findings if finding.check == "chain"}


def test_a_cut_off_end_is_missed_by_the_head_that_signed_it(books: Connection, past: Past) -> None:
    tamper(books, "DELETE FROM app.feed WHERE position > 15")

    found = audit(books, past).findings
    assert "the row it vouches for is gone" in {finding.what for finding in found}


def test_a_cut_off_end_without_its_head_is_missed_by_the_ledger(books: Connection, past: Past) -> None:
    tamper(
        books,
        "DELETE FROM app.feed WHERE position > 15",
        "DELETE FROM app.tree_head WHERE position > 15",
    )

    found = audit(books, past).findings
    assert {finding.what for finding in found} == {"is in the ledger but not in the feed"}


def test_a_past_rewritten_with_new_hashes_is_not_the_one_that_was_signed(books: Connection, past: Past) -> None:
    """Whoever owns the database also knows the rules: one row is changed and the chain made whole again behind it."""
    tamper(books, FLIPS["actor"])
    head = outbox.FEED.genesis
    for row in books.execute("SELECT * FROM app.feed ORDER BY position").fetchall():
        fields = {name: row[name] for name in outbox.Item.__struct_fields__ if name != "hash"}
        head = outbox.FEED.extend(head, outbox.entry(outbox.Item(**fields)))
        books.execute("UPDATE app.feed SET hash = %s WHERE position = %s", [head, row["position"]])

    found = check(books, past.audit_key).findings
    assert "chain" not in {finding.check for finding in found}
    assert "the chain is not the one that was signed" in {finding.what for finding in found}

    tamper(books, "UPDATE app.tree_head SET hash = feed.hash FROM app.feed WHERE feed.position = tree_head.position")

    assert "the signature is not of this head" in {finding.what for finding in check(books, past.audit_key).findings}


def test_a_head_signed_by_somebody_else_is_not_trusted(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE app.tree_head SET kid = 'somebody'")

    assert {finding.check for finding in audit(books, past).findings} == {"head"}


def test_the_signature_of_another_head_does_not_serve(books: Connection, past: Past) -> None:
    tamper(
        books,
        "UPDATE app.tree_head SET signature = (SELECT signature FROM app.tree_head ORDER BY position LIMIT 1) "
        "WHERE position = (SELECT max(position) FROM app.tree_head)",
    )

    assert {finding.what for finding in audit(books, past).findings} == {"the signature is not of this head"}


def test_without_any_head_nothing_is_vouched_for(books: Connection, past: Past) -> None:
    tamper(books, "DELETE FROM app.tree_head")

    assert {finding.check for finding in audit(books, past).findings} == {"head"}


def test_another_trusted_key_alone_trusts_nothing(books: Connection) -> None:
    stranger = to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())

    assert {finding.check for finding in check(books, stranger).findings} == {"head"}


def test_a_key_that_was_rotated_is_passed_beside_the_new_one(books: Connection, past: Past) -> None:
    stranger = to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())

    assert check(books, stranger, past.audit_key).sound


JOURNAL = {
    "changed": ("UPDATE wallet.event SET actor = 'nobody' WHERE seq = 1", "differs between journal and feed"),
    "deleted": ("DELETE FROM wallet.event WHERE seq = 1", "is in the feed but was never written"),
    "added": (
        """
        INSERT INTO wallet.event (aggregate, version, kind, actor, at, body)
        VALUES (uuidv7(), 1, 'wallet.opened', 'nobody', now(), '{}')
        """,
        "is neither in the feed nor queued for it",
    ),
}


@pytest.mark.parametrize(("statement", "what"), JOURNAL.values(), ids=JOURNAL)
def test_a_journal_that_differs_from_the_feed_is_found(
    statement: str, what: str, books: Connection, past: Past
) -> None:
    tamper(books, statement)

    assert {finding.what for finding in audit(books, past).findings} == {what}


def test_an_event_still_queued_is_not_missed(books: Connection, past: Past) -> None:
    tamper(
        books,
        JOURNAL["added"][0],
        "INSERT INTO app.outbox (source, event_seq) SELECT 'wallet', max(seq) FROM wallet.event",
    )

    assert audit(books, past).sound


def test_a_transfer_changed_in_the_ledger_differs_from_the_feed(books: Connection, past: Past) -> None:
    tamper(books, "UPDATE wallet.transfer SET amount = amount + 1 WHERE seq = 4")

    found = audit(books, past).findings
    assert {(finding.check, finding.where) for finding in found} == {("transfer", "1/4")}


def test_a_witness_outside_sees_a_past_that_was_cut_off_everywhere(books: Connection, past: Past) -> None:
    row = books.execute("SELECT position, hash FROM app.feed ORDER BY position DESC LIMIT 1").fetchone()
    assert row is not None
    kept = Witness(row["position"], row["hash"])
    assert check(books, past.audit_key, witnessed=[kept]).sound

    tamper(
        books,
        "DELETE FROM app.tree_head WHERE position > 17",
        "DELETE FROM app.feed WHERE position > 17",
        "DELETE FROM wallet.transfer WHERE seq > 10",
        "UPDATE wallet.lane SET relayed = 10",
    )

    assert check(books, past.audit_key).sound
    assert {finding.check for finding in check(books, past.audit_key, witnessed=[kept]).findings} == {"witness"}
