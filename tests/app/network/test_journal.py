"""What is kept on disk while the books are away: whole, in order, sealed, and never what was presented."""

import asyncio
import os
import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from app import clock, ids
from app.network import journal, snapshot
from app.network.journal import Journal, Promise, Torn
from app.network.snapshot import Snapshot, Untrusted
from cards.payments.message import Answer
from cards.payments.payment import PaymentId
from cards.payments.standin import Known
from cards.proofs.pan import Pan
from law.money import KZT, Money
from proof.signer import Alg, FileSigner
from tests.cards import made, plates

pytestmark = pytest.mark.asyncio
KEYS = made.KEYS


def promise(lifecycle: str = "L-1") -> Promise:
    asked = made.question(made.card(), 1_000, lifecycle)
    answer = Answer(payment=PaymentId(ids.new()), approved=True, code="00", reason=None, amount=asked.amount)
    return Promise(asked=asked, answer=answer, at=clock.real(), in_vain=False, counter=7)


async def written(folder: Path, *promises: Promise) -> Path:
    kept = Journal(folder, KEYS)
    await asyncio.gather(*(kept.append(each) for each in promises))
    await kept.close()
    [path] = journal.waiting(folder)
    return path


async def test_many_at_once_are_all_there_in_order_and_nobody_else_can_read_them(tmp_path: Path) -> None:
    promises = [promise(f"L-{number}") for number in range(100)]

    path = await written(tmp_path, *promises)

    assert journal.read(path, KEYS) == promises
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.SHOP.name.encode() not in path.read_bytes()


async def test_nobody_hears_of_a_promise_before_the_disk_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    kept = Journal(tmp_path, KEYS)
    assert disk.has[kept.path] == kept.path.stat().st_size, "its head"
    assert disk.has[tmp_path] is not None, "its name in the folder"

    disk.busy()
    first, second = (asyncio.create_task(kept.append(promise(name))) for name in ("one", "two"))
    assert await asyncio.to_thread(disk.asked.wait, 60)
    heard = first.done() or second.done()
    disk.free()
    await asyncio.gather(first, second)

    assert not heard, "while the disk has it not yet"
    assert disk.has[kept.path] == kept.path.stat().st_size, "nothing was written behind what the disk has"
    await kept.close()


class Disk:
    """Notes how much of each file it was told to have, and can be slow about it."""

    def __init__(self) -> None:
        self.has: dict[Path, int] = {}
        self.asked, self._may = threading.Event(), threading.Event()
        self._may.set()
        self._fsync = os.fsync

    def busy(self) -> None:
        """Have nothing more until it is free."""
        self.asked.clear()
        self._may.clear()

    def free(self) -> None:
        """Go on."""
        self._may.set()

    def fsync(self, number: int) -> None:
        """Be told."""
        self.asked.set()
        assert self._may.wait(60)
        self._fsync(number)
        self.has[Path(f"/proc/self/fd/{number}").readlink()] = os.fstat(number).st_size


async def test_a_line_that_a_power_cut_tore_was_never_heard_of(tmp_path: Path) -> None:
    path = await written(tmp_path, promise("one"), promise("two"))
    whole = path.read_bytes()

    for length in (len(whole) - 1, len(whole) - 40):
        path.write_bytes(whole[:length])
        assert [each.asked.lifecycle for each in journal.read(path, KEYS)] == ["one"]
    path.write_bytes(whole[: whole.index(b"\n") - 3])
    assert journal.read(path, KEYS) == []


async def test_lines_that_were_changed_moved_or_taken_out_are_noticed(tmp_path: Path) -> None:
    path = await written(tmp_path, promise("one"), promise("two"), promise("three"))
    head, one, two, three, _ = path.read_bytes().split(b"\n")

    for changed in ([head, two, one, three], [head, two, three], [head, one[:-8] + b"AAAAAAA=", two, three]):
        path.write_bytes(b"\n".join([*changed, b""]))
        with pytest.raises(Torn):
            journal.read(path, KEYS)


async def test_what_is_told_is_kept_under_another_name(tmp_path: Path) -> None:
    path = await written(tmp_path, promise())

    journal.name_told(path)

    assert not journal.waiting(tmp_path)
    assert len(journal.told(tmp_path)) == 1


async def test_a_snapshot_is_believed_as_it_was_signed_and_no_other(tmp_path: Path) -> None:
    signer, other = (FileSigner.open(tmp_path / f"{name}.pem", Alg.EDDSA) for name in ("ours", "theirs"))
    card = made.card()
    taken = Snapshot(clock.real(), timedelta(days=3), {b"i" * 32: Known(card=card, left=Money(5, KZT))})
    path = tmp_path / "snapshot"

    assert snapshot.read(path, KEYS, [signer.public_jwk]) is None
    await snapshot.keep(path, taken, KEYS, signer)
    assert snapshot.read(path, KEYS, [other.public_jwk, signer.public_jwk]) == taken
    with pytest.raises(Untrusted):
        snapshot.read(path, KEYS, [other.public_jwk])
    kept = path.read_bytes()
    assert str(card.id).encode() not in kept
    path.write_bytes(kept[:-100] + bytes([kept[-100] ^ 1]) + kept[-99:])
    with pytest.raises(Untrusted):
        snapshot.read(path, KEYS, [signer.public_jwk])


async def test_nothing_that_was_presented_can_be_written_down(tmp_path: Path) -> None:
    hand = plates.Plastic(plates.hsm(), made.card(), Pan("9398010000000000"))
    whole = promise()
    secret = msgspec.structs.replace(whole.asked, presented=hand.of_now(clock.real()))
    kept = Journal(tmp_path, KEYS)

    with pytest.raises(TypeError):
        await kept.append(msgspec.structs.replace(whole, asked=secret))
    await kept.close()
