"""What is proved when a demonstration is over, by others than those who did it.

The ledger and the audit chain are recomputed from their rows by `eresidency verify`, a process that uses nothing of the
code that wrote them. That the credential verifies for a stranger, the journey itself has shown.
"""

import json
import subprocess
import sys
from typing import Any, NamedTuple

from simulators.house import House


class Proof(NamedTuple):
    """One proof: what holds, how much was looked at, and what was found wrong (nothing, if it holds)."""

    claim: str
    looked_at: str
    wrong: list[str]


CLAIMS = {
    "ledger": "The ledger sums to zero in every currency, and its blocks vouch for every transfer",
    "audit": "Every event is in the audit chain, in order and unchanged, under signed heads",
}


def all_of(house: House) -> list[Proof]:
    """Verify the installation as it stands."""
    return [_proof(house, what) for what in CLAIMS]


def _proof(house: House, what: str) -> Proof:
    command = [sys.executable, "-m", "app.cli", "verify", what]
    done = subprocess.run(command, env=house.environ(), capture_output=True, text=True, check=False)
    if not done.stdout.startswith("{"):
        return Proof(CLAIMS[what], "nothing", [done.stderr[-500:]])
    verdict: dict[str, Any] = json.loads(done.stdout)
    looked_at = ", ".join(f"{count:,} {kind}" for kind, count in verdict["looked_at"].items())
    return Proof(CLAIMS[what], looked_at, [f"{found['check']} at {found['where']}" for found in verdict["findings"]])
