"""The issuance log: every copy has its leaf, heads only grow, and what is published tells of nobody."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from app.db import transaction
from proof import merkle
from residency.credential import issuing, jws, pki, role
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.issuing import Reserved
from residency.credential.seal import Seal
from residency.credential.transparency import log, log_head, log_tree
from residency.credential.transparency.log import WAITS, Logged, UnknownSize
from residency.credential.transparency.log_head import NotProven, Receipt
from residency.credential.transparency.log_tree import BLOCK
from tests.conftest import Engines
from tests.credential import made
from tests.credential.test_life import order

FORMATS = ("e_resident_sd_jwt", "e_resident_mdoc")
ROOTS = (made.authority().root.certificate,)
#: Later than every leaf of these tests has to wait.
MERGED = made.AT + WAITS


@cache
def seal() -> Seal:
    return made.sealed(made.authority().root, typ=log_head.TYP, purpose=role.LOG_HEADS)


async def issue(
    engines: Engines, holder: UUID, *, copies: int = 1, format_: str = FORMATS[0]
) -> tuple[Reserved, list[str]]:
    """Reserve, sign and commit, as the credential endpoint does."""
    asked = msgspec.structs.replace(order(holder, copies=copies), configuration=CONFIGURATIONS[format_])
    issuer = made.authority().issuer
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        db = await story()
        reserved = await issuing.reserve(db, asked, actor="resident:1", at=made.AT)
        keys = [made.cnf(made.holder())] * copies
        signed = issuing.sign(made.resident(), asked.configuration, keys, reserved.entries, issuer=issuer, at=made.AT)
        key = issuer.seal.signer.kid
        await log.append(db, asked, reserved, signed, key=key, actor="resident:1", at=made.AT)
    return reserved, signed


async def merge(engines: Engines, *, now: datetime = MERGED) -> int:
    async with transaction(engines.worker) as story:
        return await log.merge(await story(), seal(), url=made.URL, now=now, at=made.AT)


async def receipts(engines: Engines, holder: UUID, credential: UUID) -> list[Logged]:
    async with transaction(engines.api, holder=holder, audience="resident") as story:
        return await log.receipts(await story(), credential, at=made.AT)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.asyncio
async def test_every_copy_gets_a_receipt_that_holds_for_it_alone(engines: Engines, format_: str) -> None:
    holder = uuid4()
    reserved, copies = await issue(engines, holder, copies=3, format_=format_)
    assert [each.receipt for each in await receipts(engines, holder, reserved.credential)] == [None] * 3

    await merge(engines)

    found = {(each.list, each.idx): each.receipt for each in await receipts(engines, holder, reserved.credential)}
    for entry, copy in zip(reserved.entries, copies, strict=True):
        receipt = found[entry.list, entry.idx]
        assert receipt is not None
        head = log_head.verify(receipt, copy, ROOTS)
        assert (head.issuer, head.size % BLOCK) == (made.URL, 0)
        for other in copies:
            if other != copy:
                with pytest.raises(NotProven, match="not_in_the_log"):
                    log_head.verify(receipt, other, ROOTS)


@pytest.mark.asyncio
async def test_a_presentation_is_proved_by_the_receipt_of_its_copy(engines: Engines) -> None:
    holder = uuid4()
    reserved, [copy] = await issue(engines, holder)
    await merge(engines)
    [logged] = await receipts(engines, holder, reserved.credential)
    assert logged.receipt is not None

    assert log_head.verify(logged.receipt, made.bound(made.shown(copy, ["given_name"])), ROOTS).size > 0


@pytest.mark.asyncio
async def test_leaves_wait_for_each_other_and_one_head_takes_them_all(engines: Engines) -> None:
    first, _ = await issue(engines, one := uuid4())
    assert await merge(engines, now=MERGED - timedelta(microseconds=1)) == 0
    second, _ = await issue(engines, other := uuid4(), copies=2)

    assert await merge(engines) == 3
    assert await merge(engines) == 0

    heads = {
        logged.receipt.head
        for holder, reserved in ((one, first), (other, second))
        for logged in await receipts(engines, holder, reserved.credential)
        if logged.receipt is not None
    }
    assert len(heads) == 1


@pytest.mark.asyncio
async def test_nobody_else_has_the_receipts(engines: Engines) -> None:
    reserved, _ = await issue(engines, uuid4())
    await merge(engines)

    assert await receipts(engines, uuid4(), reserved.credential) == []


@pytest.mark.asyncio
async def test_heads_are_chained_and_each_only_adds_to_the_one_before(engines: Engines) -> None:
    for _ in range(3):
        await issue(engines, uuid4(), copies=20)
        await merge(engines)

    async with transaction(engines.api, audience="public") as story:
        db = await story()
        signed = (await log.following(db, 0, 10_000))[-3:]
        heads = [log_head.read(each.jws, ROOTS) for each in signed]
        everything: list[bytes] = []
        while page := await log.entries(db, len(everything), 1_024):
            everything += page
        pairs = ((0, 1), (0, 2), (1, 2), (2, 2))
        proofs = {(one, two): await log.growth(db, heads[one].size, heads[two].size) for one, two in pairs}
        with pytest.raises(UnknownSize):
            await log.growth(db, heads[0].size, heads[2].size + BLOCK)
        with pytest.raises(UnknownSize):
            await log.growth(db, heads[2].size, heads[0].size)

    for before, after, text_ in zip(heads, heads[1:], signed, strict=False):
        assert after.prev == log_head.digest(text_.jws)
        assert after.size == before.size + BLOCK
    assert [merkle.root(everything[: head.size]) for head in heads] == [head.root for head in heads]
    for (one, two), path in proofs.items():
        log_head.verify_growth(heads[one], heads[two], path)
    with pytest.raises(NotProven, match="not_consistent"):
        log_head.verify_growth(heads[0], heads[1], proofs[0, 2])


@pytest.mark.asyncio
async def test_what_is_published_tells_of_nobody(engines: Engines) -> None:
    """Neighbours are of all and of nothing: a batch is neither together nor in its order, and its size is hidden."""
    holder = uuid4()
    reserved, copies = await issue(engines, holder, copies=5)
    await merge(engines)

    found = await receipts(engines, holder, reserved.credential)
    places = [each.receipt.index for each in found if each.receipt is not None]
    async with transaction(engines.api, audience="public") as story:
        published = await log.entries(await story(), min(places) // BLOCK * BLOCK, BLOCK)
    assert len({place // BLOCK for place in places}) == 1
    assert len(set(published)) == BLOCK
    for copy in copies:
        assert log_head.commitment(b"", copy) not in published
    assert {len(each) for each in published} == {32}


@pytest.mark.asyncio
async def test_the_audit_of_the_keys_counts_every_signature(engines: Engines) -> None:
    reserved, _ = await issue(engines, uuid4(), copies=4)

    async with transaction(engines.worker) as story:
        found = await (await story()).execute(
            text("SELECT actor, at, body FROM credential.event WHERE kind = 'credential.signed' AND aggregate = :id"),
            {"id": reserved.credential},
        )
        [row] = found.all()
    assert (row.actor, row.at) == ("resident:1", made.AT)
    assert row.body == {
        "credential": str(reserved.credential),
        "issuance": str(reserved.issuance),
        "key": made.authority().document.signer.kid,
        "signatures": 4,
    }


REFUSED_BY_THE_DATABASE = [
    "UPDATE credential.log_entry SET position = position + 1000000",
    "DELETE FROM credential.log_entry",
    "DELETE FROM credential.log_head",
    "UPDATE credential.log_node SET hash = sha256(hash)",
    "DELETE FROM credential.leaf",
    "UPDATE credential.leaf SET salt = sha256(salt)",
    "TRUNCATE credential.log_head",
]


@pytest.mark.parametrize("statement", REFUSED_BY_THE_DATABASE)
@pytest.mark.asyncio
async def test_the_log_is_history(engines: Engines, statement: str) -> None:
    await issue(engines, uuid4())
    await merge(engines)

    for engine in (engines.api, engines.worker):
        with pytest.raises(Exception, match=r"permission denied|append-only|history"):
            async with transaction(engine, audience="service") as story:
                await (await story()).execute(text(statement))


@pytest.mark.fresh
@pytest.mark.asyncio
async def test_a_log_of_many_blocks_proves_every_entry(engines: Engines) -> None:
    """One tree from empty: unlike sizes, so that lifted nodes and full ones are all met."""
    leaves: list[bytes] = []
    sizes = []
    async with transaction(engines.worker) as story:
        db = await story()
        for blocks in (1, 2, 1, 3, 7, 1):
            added = [secrets.token_bytes(32) for _ in range(blocks * BLOCK)]
            assert await log_tree.grow(db, len(leaves), added) == merkle.root(leaves + added)
            leaves += added
            sizes.append(len(leaves))
        for size in sizes:
            root = merkle.root(leaves[:size])
            paths = await log_tree.inclusion(db, range(0, size, 13), size)
            assert all(merkle.verify(leaves[at], at, size, path, root) for at, path in paths.items())
            for first in sizes[: sizes.index(size) + 1]:
                path = await log_tree.consistency(db, first, size)
                assert merkle.verify_consistency(first, size, path, merkle.root(leaves[:first]), root)


@given(st.integers(0, 3 * BLOCK))
def test_whole_blocks_hold_every_leaf_once(count: int) -> None:
    leaves = [bytes([nth]) * 32 for nth in range(count)]

    found = log_tree.filled(leaves)

    assert len(found) % BLOCK == 0
    assert len(found) - count < BLOCK
    assert sorted(set(found) & set(leaves)) == sorted(leaves)
    assert len(set(found)) == len(found)


def test_leaves_are_shuffled_among_those_of_nothing() -> None:
    leaves = [bytes([nth]) * 32 for nth in range(BLOCK)]

    assert len({tuple(log_tree.filled(leaves)) for _ in range(3)}) == 3


def proven() -> tuple[Receipt, str]:
    """Make a log of one block around the credential of all tests, and its receipt."""
    copy, salt = made.credential(), bytes(range(32))
    leaves = [secrets.token_bytes(32) for _ in range(BLOCK)]
    leaves[5] = log_head.commitment(salt, copy)
    path = tuple(jws.b64(each) for each in merkle.path(leaves, 5))
    return Receipt(salt=jws.b64(salt), index=5, path=path, head=head(root=merkle.root(leaves))), copy


def head(*, by: Seal | None = None, root: bytes = bytes(32), url: str = made.URL) -> str:
    return log_head.sign(by or seal(), url=url, size=BLOCK, root=root, prev=None, at=made.AT)


def test_a_head_tells_the_day_it_was_signed_and_no_hour() -> None:
    found = log_head.read(head(), ROOTS)

    assert found.day == datetime(2026, 11, 22, tzinfo=UTC)


def changed(part: str, change: Callable[[Any], Any]) -> Callable[[], str]:
    def make() -> str:
        receipt, copy = proven()
        log_head.verify(msgspec.structs.replace(receipt, **{part: change(getattr(receipt, part))}), copy, ROOTS)
        return "nothing"

    return make


def flipped(text_: str) -> str:
    return ("B" if text_[0] == "A" else "A") + text_[1:]


UNPROVEN: dict[str, tuple[Callable[[], object], str]] = {
    "another salt": (changed("salt", flipped), "not_in_the_log"),
    "another place": (changed("index", lambda index: index + 1), "not_in_the_log"),
    "a place outside": (changed("index", lambda _: BLOCK), "not_in_the_log"),
    "another path": (changed("path", lambda path: (flipped(path[0]), *path[1:])), "not_in_the_log"),
    "a longer path": (changed("path", lambda path: (*path, path[0])), "not_in_the_log"),
    "a shorter path": (changed("path", lambda path: path[1:]), "not_in_the_log"),
    "a hash too short": (changed("path", lambda path: (path[0][:-4], *path[1:])), "unreadable_receipt"),
    "no base64": (changed("salt", lambda salt: "!" + salt[1:]), "unreadable_receipt"),
    "another head": (changed("head", lambda _: head()), "not_in_the_log"),
    "no head": (changed("head", lambda _: "e30.e30"), "unreadable_head"),
    "a head of nothing": (changed("head", lambda _: seal().sign({"iss": made.URL})), "unreadable_head"),
    "a status token": (changed("head", lambda _: head(by=made.authority().status)), "not_a_head"),
    "a head of somebody else": (changed("head", lambda _: head(url="https://else.example")), "other_issuer"),
    "a head by the key of documents": (
        changed("head", lambda _: head(by=of(pki.DOCUMENT_SIGNING))),
        "not_for_log_heads",
    ),
    "a head by the key of status lists": (changed("head", lambda _: head(by=of(None))), "not_for_log_heads"),
    "a head under another root": (
        changed("head", lambda _: head(by=stranger())),
        "unknown_root",
    ),
    "a forged head": (changed("head", lambda told: told[:-8] + "AAAAAAAA"), "bad_signature"),
    "no copy": (lambda: log_head.commitment(bytes(32), "nonsense"), "unreadable_copy"),
    "a copy of no letters": (lambda: log_head.commitment(bytes(32), "é~"), "unreadable_copy"),
}


def of(purpose: x509.ObjectIdentifier | None) -> Seal:
    return made.sealed(made.authority().root, typ=log_head.TYP, purpose=purpose)


def stranger() -> Seal:
    return made.sealed(pki.root(made.key(), url=made.URL, at=made.AT), typ=log_head.TYP, purpose=role.LOG_HEADS)


@pytest.mark.parametrize("case", UNPROVEN)
def test_a_receipt_that_was_touched_proves_nothing(case: str) -> None:
    act, reason = UNPROVEN[case]

    with pytest.raises(NotProven) as refused:
        act()

    assert refused.value.reason == reason


def test_a_head_of_a_revoked_signer_proves_nothing_whatever_day_it_names() -> None:
    by = seal()
    told, [leaf, *_] = head(by=by), by.chain

    assert log_head.read(told, ROOTS, {leaf.serial_number + 1}).size == BLOCK
    with pytest.raises(NotProven) as refused:
        log_head.read(told, ROOTS, {leaf.serial_number})
    assert refused.value.reason == "revoked"


def test_the_receipt_those_cases_start_from_holds() -> None:
    receipt, copy = proven()

    assert log_head.verify(receipt, copy, ROOTS).size == BLOCK
