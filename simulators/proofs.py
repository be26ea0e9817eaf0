"""What is proved when a demonstration is over, by others than those who did it.

The ledger and the audit chain are recomputed from their rows by `eresidency verify`, a process that uses nothing of the
code that wrote them. The credential is shown once more to the verifier, a process that trusts the published root alone.
"""

import asyncio
import json
import sys
from typing import Any, NamedTuple

from simulators.house import Ended, House
from simulators.journey import Journey
from simulators.patience import NotYet, until

#: The relay signs when nothing has happened for two seconds; until then the newest rows have no signature. To look
#: takes seconds itself where the machine has much to do.
SIGNED_WITHIN_S = 60.0


class Proof(NamedTuple):
    """One proof: what holds, how much was looked at, and what was found wrong (nothing, if it holds)."""

    claim: str
    looked_at: str
    wrong: list[str]


LEDGER = "The ledger sums to zero in every currency, and its blocks vouch for every transfer"
AUDIT = "Every event is in the audit chain, in order and unchanged, under signed heads"
CREDENTIAL = "The credential verifies for a verifier that trusts only the published root"


async def all_of(resident: Journey) -> list[Proof]:
    """Verify the installation as it stands, and what the resident was given."""
    return [await _ledger(resident.house), await _audit(resident.house), await _credential(resident)]


async def _ledger(house: House) -> Proof:
    return _proof(LEDGER, await _verified(house, "ledger"))


async def _audit(house: House) -> Proof:
    """Verify the chain once the last row is signed; rows that stay without a signature are what is wrong."""
    try:
        verdict = await until(lambda: _verified(house, "audit"), lambda seen: not _unsigned(seen), SIGNED_WITHIN_S)
    except NotYet:
        verdict = await _verified(house, "audit")
    found, unsigned = _proof(AUDIT, verdict), _unsigned(verdict)
    return found._replace(wrong=[*found.wrong, f"no signature covers the last {unsigned} rows"]) if unsigned else found


def _unsigned(verdict: dict[str, Any]) -> int:
    return int(verdict["looked_at"].get("unsigned_rows", 0))


async def _credential(resident: Journey) -> Proof:
    if resident.held is None:
        return Proof(CREDENTIAL, "nothing", ["no credential was taken"])
    try:
        resident.house.check()
    except Ended as ended:  # nobody would answer
        return Proof(CREDENTIAL, "nothing", [str(ended)])
    seen = await resident.show()
    failed = [f"{check['name']}: {check['says']}" for check in seen["checks"] if check["outcome"] != "passed"]
    looked_at = ", ".join(check["name"].replace("_", " ") for check in seen["checks"])
    return Proof(CREDENTIAL, f"{len(seen['checks'])} checks: {looked_at}", failed)


async def _verified(house: House, what: str) -> dict[str, Any]:
    """Let the command recompute it; a command that says nothing has found that nothing can be verified."""
    command = [sys.executable, "-m", "app.cli", "verify", what, "--anchors", house.url("notary")]
    running = await asyncio.create_subprocess_exec(
        *command, env=house.environ(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, said = await running.communicate()
    if not out.startswith(b"{"):
        nothing = {"table": "nothing", "row": "-", "kind": "unreadable", "what": said.decode()[-500:]}
        return {"looked_at": {}, "findings": [nothing]}
    verdict: dict[str, Any] = json.loads(out)
    return verdict


def _proof(claim: str, verdict: dict[str, Any]) -> Proof:
    looked_at = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in verdict["looked_at"].items())
    # A minute without an anchor is a machine that slept, not a change.
    wrong = [found for found in verdict["findings"] if found["kind"] != "gap"]
    return Proof(claim, looked_at, [f"{one['kind']}: {one['table']} {one['row']} {one['what']}" for one in wrong])
