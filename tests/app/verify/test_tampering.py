"""Whoever owns the database changes it, with triggers and constraints out of the way; nothing he does goes unseen.

The ordinary suite flips every covered column once and draws a few of each other kind for each table; nightly there are
two hundred of each kind. The last tests are the control: a verifier that lacks one check misses exactly its kind.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from app.verify import Finding, Kind, blocks, encoding, feed, issuances, places
from app.verify import books as books_
from app.verify.anchors import Marks
from app.verify.coverage import COVERED
from app.verify.finding import Connection
from app.verify.log import FEED, SECURITY, Walk
from proof.signer import FileSigner
from tests.app.verify import tampering
from tests.app.verify.conftest import tamper
from tests.app.verify.past import Past

SEED = 1242
NIGHTLY = 200


@pytest.fixture(scope="module")
def kept(past: Past) -> dict[int, str]:
    """Give the anchors as the second place keeps them."""
    return places.read(str(past.kept))


def verified(connection: Connection, past: Past, kept: dict[int, str] | None = None) -> list[Finding]:
    """Run both verifications."""
    return [
        *feed.check(connection, past.audit_key, elsewhere=kept).findings,
        *books_.check(connection, past.audit_key, elsewhere=kept).findings,
    ]


def is_found(connection: Connection, past: Past, table: str) -> bool:
    """Whether either verification finds anything; the one whose tables these are is asked first."""
    checks = [feed.check, books_.check]
    if table.startswith("wallet.") and table != "wallet.event":
        checks.reverse()
    return any(check(connection, past.audit_key).findings for check in checks)


def undone(connection: Connection, rounds: int) -> Iterator[int]:
    """Give each round the past as it was written."""
    for number in range(rounds):
        connection.execute("SAVEPOINT untouched")
        yield number
        connection.execute("ROLLBACK TO untouched")


def test_the_past_as_it_was_written_is_sound(books: Connection, past: Past, kept: dict[int, str]) -> None:
    assert verified(books, past, kept) == []


@pytest.mark.parametrize("table", sorted(COVERED))
def test_a_change_of_any_column_is_found(books: Connection, past: Past, table: str) -> None:
    unseen = []
    for number, column in zip(undone(books, len(COVERED[table])), sorted(COVERED[table]), strict=True):
        done = tampering.flip(books, table, random.Random(f"{SEED} {table} {number}"), column)
        if not is_found(books, past, table):
            unseen.append(done)

    assert unseen == []


@pytest.mark.parametrize(
    ("kind", "table"),
    [(kind, table) for kind, (_, tables) in tampering.KINDS.items() if kind != "flip" for table in tables],
)
def test_a_tampering_of_any_kind_is_found(books: Connection, past: Past, kind: str, table: str) -> None:
    assert unseen(books, past, kind, [table], rounds=1) == []


@pytest.mark.nightly
@pytest.mark.parametrize("kind", tampering.KINDS)
def test_two_hundred_of_a_kind_are_found(books: Connection, past: Past, kind: str) -> None:
    assert unseen(books, past, kind, tampering.KINDS[kind][1], rounds=NIGHTLY) == []


def unseen(books: Connection, past: Past, kind: str, tables: Sequence[str], *, rounds: int) -> list[str]:
    """Draw tamperings of a kind; answers those that were not found."""
    act, found = tampering.KINDS[kind][0], []
    for number in undone(books, rounds):
        drawn = random.Random(f"{SEED} {kind} {number} {tables}")
        table = drawn.choice(list(tables))
        done = act(books, table, drawn)
        if not is_found(books, past, table):
            found.append(f"{table}: {done}")
    return found


def named(found: Sequence[Finding]) -> set[tuple[str, Kind]]:
    return {(each.table, each.kind) for each in found}


@pytest.mark.parametrize(
    ("kind", "table", "told"),
    [
        ("delete", "app.feed", Kind.MISSING),
        ("delete", "app.security_event", Kind.MISSING),
        ("delete", "app.anchor", Kind.MISSING),
        ("delete", "wallet.transfer", Kind.MISSING),
        ("reorder", "app.feed", Kind.REORDERED),
        ("reorder", "app.security_event", Kind.REORDERED),
        ("truncate", "app.feed", Kind.TRUNCATED),
        ("truncate", "app.security_event", Kind.TRUNCATED),
        ("truncate", "wallet.block", Kind.TRUNCATED),
        ("truncate", "wallet.transfer", Kind.TRUNCATED),
        ("delete", "credential.log_entry", Kind.MISSING),
        ("delete", "credential.leaf", Kind.MISSING),
        ("delete", "credential.log_head", Kind.MISSING),
        ("truncate", "credential.log_entry", Kind.TRUNCATED),
        ("backdate", "credential.leaf", Kind.BACKDATED),
        ("backdate", "wallet.event", Kind.BACKDATED),
        ("backdate", "wallet.hold", Kind.BACKDATED),
        ("replace head", "wallet.lane", Kind.FLIPPED),
    ],
)
def test_a_finding_names_the_table_and_what_was_done(
    books: Connection, past: Past, kind: str, table: str, told: Kind
) -> None:
    tampering.KINDS[kind][0](books, table, random.Random(7))

    assert (table, told) in named(verified(books, past))


def rewrite_feed(books: Connection) -> None:
    """Change an event in its journal and in the feed, and make the chain whole again behind it."""
    tamper(
        books,
        "UPDATE wallet.event SET actor = 'officer:1' WHERE seq = 1",
        "UPDATE app.feed SET actor = 'officer:1' WHERE event_id = (SELECT id FROM wallet.event WHERE seq = 1)",
    )
    tampering.rehash(books, FEED)


def rewrite_security(books: Connection) -> None:
    """Make an attempt to get in somebody else's, and the chain whole again behind it."""
    tamper(books, "UPDATE app.security_event SET subject = uuidv7() WHERE position = 3")
    tampering.rehash(books, SECURITY)


def rewrite_ledger(books: Connection) -> None:
    """Change what the feed doesn't show of a transfer (its value date) with root, blocks and the lane's head."""
    tamper(books, "UPDATE wallet.transfer SET effective = effective - interval '1 day' WHERE seq = 4")
    tampering.fold(books)


def sign_anew(books: Connection) -> None:
    """State everything again, as the anchors did, with a key of one's own."""
    tampering.restate(books, FileSigner(ed25519.Ed25519PrivateKey.generate()))


CONSISTENT: dict[Callable[[Connection], None], tuple[str, Kind]] = {
    rewrite_feed: ("app.feed", Kind.FLIPPED),
    rewrite_security: ("app.security_event", Kind.FLIPPED),
    rewrite_ledger: ("wallet.block", Kind.FLIPPED),
    sign_anew: ("app.anchor", Kind.SIGNATURE),
}


@pytest.mark.parametrize("act", CONSISTENT, ids=lambda act: act.__name__)
def test_what_was_rewritten_with_all_its_hashes_contradicts_the_anchors(
    books: Connection, past: Past, act: Callable[[Connection], None]
) -> None:
    act(books)

    assert CONSISTENT[act] in named(verified(books, past))


def test_what_was_cut_off_everywhere_contradicts_the_second_place_alone(
    books: Connection, past: Past, kept: dict[int, str]
) -> None:
    tampering.cut_off(books)

    assert verified(books, past) == []
    shortened = {"app.anchor", "app.feed", "app.security_event", "wallet.block"}
    assert named(verified(books, past, kept)) == {(table, Kind.TRUNCATED) for table in shortened}


def test_minutes_without_an_anchor_are_told_and_are_no_fault(books: Connection, past: Past) -> None:
    signer = FileSigner(ed25519.Ed25519PrivateKey.generate())
    tampering.restate(books, signer, pause=timedelta(minutes=7))

    verdict = feed.check(books, signer.public_jwk, past.audit_key)

    assert {each.kind for each in verdict.findings} == {Kind.GAP}
    assert verdict.sound
    assert verdict.exit_code == 3


def flip_feed(books: Connection) -> None:
    """Change when a row of the feed, behind the last anchor that could tell, was relayed."""
    tamper(books, "UPDATE app.feed SET relayed_at = relayed_at + interval '1 second' WHERE position = 5")


def flip_journal(books: Connection) -> None:
    """Change an event in its journal alone."""
    tamper(books, "UPDATE wallet.event SET actor = 'officer:1' WHERE seq = 1")


def flip_leaf(books: Connection) -> None:
    """Change what only a transfer's leaf says."""
    tamper(books, "UPDATE wallet.transfer SET effective = effective - interval '1 day' WHERE seq = 4")


def flip_balance(books: Connection) -> None:
    """Change what only the transfers can tell."""
    tamper(books, "UPDATE wallet.account SET posted = posted + 1 WHERE holder IS NOT NULL")


def lose_leaf(books: Connection) -> None:
    """Take a copy of a credential out of what leads to the issuance log."""
    tamper(books, "DELETE FROM credential.leaf WHERE idx = (SELECT min(idx) FROM credential.leaf)")


def believe(walk: Walk, row: tuple[Any, ...], _: bytes, stored: bytes) -> bytes:
    """Take a row of a log for the link it claims to be."""
    walk.position = row[0]
    return stored


# A verifier that lacks one check, and the one thing of these that it does not see.
DEFECTS: dict[str, tuple[tuple[object, str, object], Callable[[Connection], None]]] = {
    "no comparison with anchors": ((Marks, "finish", lambda *_, **__: []), rewrite_ledger),
    "no signatures": ((encoding, "signed", lambda *_: None), sign_anew),
    "no links": ((Walk, "_step", believe), flip_feed),
    "no journals": ((feed, "_journals", lambda *_, **__: (0, [])), flip_journal),
    "no blocks": ((blocks, "_leaves", lambda *_: []), flip_leaf),
    "no issuances": ((issuances, "walk", lambda *_: (0, [])), lose_leaf),
    "no books": ((books_, "_CHECKS", ()), flip_balance),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_verifier_that_lacks_a_check_misses_its_kind_and_no_other(
    books: Connection, past: Past, monkeypatch: pytest.MonkeyPatch, defect: str
) -> None:
    (where, name, instead), missed = DEFECTS[defect]
    monkeypatch.setattr(where, name, instead)
    acts = [act for _, act in DEFECTS.values()]

    unseen = []
    for number in undone(books, len(acts)):
        acts[number](books)
        if not verified(books, past):
            unseen.append(acts[number])

    assert unseen == [missed]
