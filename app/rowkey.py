"""A row that more than one person may read is sealed under a key of its own, which lies wrapped beside it.

Whoever may see the row (its wall says who) opens it through the KMS; nobody needs the vault of another for it, and the
row's end is the end of what it said.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from app.vault import Vault
from proof import kms as kms_
from proof.kms import Kms, Wrapped


class Cell(msgspec.Struct, frozen=True):
    """What such a row stores."""

    kek_version: int
    wrapped: bytes
    sealed: bytes


def seal(kms: Kms, table: str, row: UUID, content: object) -> Cell:
    """Seal `content` as JSON for its row under a fresh key."""
    key = kms_.new_data_key()
    wrapped = kms.wrap(key, f"{table} {row}")
    sealed = Vault(key).seal(msgspec.json.encode(content), table=table, column="sealed", row=row)
    return Cell(wrapped.version, wrapped.blob, sealed)


def opened(kms: Kms, table: str, row: UUID, cell: Mapping[str, Any]) -> Vault:
    """Unwrap the row's key."""
    return Vault(kms.unwrap(Wrapped(cell["kek_version"], cell["wrapped"]), f"{table} {row}"))


def read(kms: Kms, table: str, row: UUID, cell: Cell) -> bytes:
    """Open what was sealed for the row."""
    return opened(kms, table, row, msgspec.structs.asdict(cell)).open(
        cell.sealed, table=table, column="sealed", row=row
    )
