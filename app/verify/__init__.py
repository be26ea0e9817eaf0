"""Is it still true? What `eresidency verify` asks the database, computed by other means than those that wrote it.

audit(dsn, key, …)   the feed's hash chain, its signed heads, and whether every event and transfer is in it unchanged
ledger(dsn)          balances against transfers, gaps, holds, and the blocks whose hashes vouch for them

Nothing of `wallet/`, `app/batch.py` or `app/outbox.py` is used here: rows are read with SQL and the arithmetic is done
there a second time. Both read one snapshot, so they can run beside a working system, and log in as who owns the tables
(`report` doesn't see the relay's queue). What they can't see is a past that was cut off everywhere, its signatures
included: against that, keep heads elsewhere and pass them as `witnessed`.
"""

from app.verify.books import ledger
from app.verify.feed import audit
from app.verify.finding import Finding, Verdict, Witness

__all__ = ["Finding", "Verdict", "Witness", "audit", "ledger"]
