"""The two clocks of an installation.

`real()` is the machine's: tokens, proofs, challenges, leases, rate limits and retries read it. Law and money read the
installation's own clock, which is the real one plus what a demo or test installation has been moved forward
(`app.clock`, read with the first statement of each transaction: see `app/db.py`).
"""

from datetime import UTC, datetime


def real() -> datetime:
    """Read the machine's clock: this instant, aware, in UTC."""
    return datetime.now(UTC)
