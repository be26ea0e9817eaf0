"""The country signing authorities this installation trusts: a folder of certificates, master lists and revocations.

A certificate in the folder (`*.cer`) is trusted because it lies there, so the folder belongs to the operator like the
keys. A master list (`*.ml`) is believed for its publisher (kyc/chip/store.py). A file that does not read stops the
start: a passport must not be refused because a list was copied halfway.
"""

from pathlib import Path

from kyc.chip import store, trust
from kyc.chip.trust import Trust


def read(folder: Path | None) -> Trust:
    """Read the folder; without one nobody is trusted. Raises kyc.chip.store.BadFile."""
    if folder is None:
        return trust.of(())
    return store.load({path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()})
