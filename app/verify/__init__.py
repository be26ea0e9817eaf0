"""Is it still true? What `eresidency verify` asks the database, computed by other means than those that wrote it.

audit(…)    the feed, the security log, the issuance log and the anchors; whether every event and transfer is in the
            feed unchanged, and every copy of a credential in the issuance log
ledger(…)   balances against transfers, gaps, holds, and the blocks whose hashes vouch for them

Nothing of what writes is used here, nor anything that it uses (an import contract checks it): this folder, psycopg and
cryptography are enough to verify a database, a replica or a restored dump: `python -m app.verify audit --help`.

Rows are read with SQL, as they are at one instant, so it can run beside a working system; hashes are computed here.
What an owner of the database rewrote with all its hashes contradicts the anchors; where he cut those off too, it
contradicts the second place they were sent to: pass it as `--anchors`.
"""

from app.verify import command
from app.verify.books import ledger
from app.verify.feed import audit
from app.verify.finding import Finding, Kind, Verdict

__all__ = ["Finding", "Kind", "Verdict", "audit", "command", "ledger"]
