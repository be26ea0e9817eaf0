"""PostgreSQL loses power: it forgets which proofs were used, and with that every proof made before is void."""

import asyncio
import uuid
from pathlib import Path

import psutil
import pytest

from app import db, embedded, migrate, settings
from app.auth import dpop
from app.auth.dpop import Proof
from app.auth.gate import Gate, Unattended
from app.auth.nonce import Nonces
from app.settings import Environment, Settings
from migrations import walls

pytestmark = pytest.mark.nightly


def _lose_power(folder: Path) -> None:
    """End the postmaster and all its backends at once, as a power cut would."""
    pid = int((folder / "place" / "data" / "postmaster.pid").read_text().splitlines()[0])
    postmaster = psutil.Process(pid)
    for process in (postmaster, *postmaster.children()):
        process.kill()
    psutil.wait_procs([postmaster])


@pytest.mark.asyncio
async def test_no_proof_made_before_a_power_cut_passes_after_it(tmp_path: Path) -> None:
    server = embedded.start(tmp_path)
    word = settings.role_word(server.url)
    try:
        migrate.upgrade(server.url, role_password=word)
        told = Settings(environment=Environment.TEST, database_url=server.url, role_password=word, keys=tmp_path)
        engine = db.engine(told, walls.API)
        gate = Gate(engine, Nonces(b"secret"))
        await gate.admit(None, None)
        before = gate.nonce()
        used, unused = (Proof("key", str(uuid.uuid4()), before) for _ in range(2))
        await gate.admit(None, used)

        await asyncio.to_thread(_lose_power, tmp_path)
        with pytest.raises(Unattended):
            await gate.admit(None, used)
        await asyncio.to_thread(embedded.start, tmp_path)

        for proof in (used, unused):
            with pytest.raises(dpop.NonceNeeded):
                await gate.admit(None, proof)
        assert gate.nonce() != before
        await gate.admit(None, Proof("key", str(uuid.uuid4()), gate.nonce()))
        gate.close()
        await engine.dispose()
    finally:
        embedded.remove(tmp_path)
