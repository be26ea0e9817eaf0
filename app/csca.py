"""The country signing authorities this installation trusts: a folder of certificates and master lists.

What lies in the folder (`*.cer`, `*.ml`) is trusted, so it belongs to the operator like the keys. A file that does not
read stops the start: a passport must not be refused because a list was copied halfway.
"""

from pathlib import Path

from kyc import masterlist, trust
from kyc.trust import Trust


def read(folder: Path | None) -> Trust:
    """Read the folder; without one nobody is trusted. Raises kyc.masterlist.BadFile."""
    if folder is None:
        return trust.of(())
    return masterlist.load({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})
