"""What officers note and residents say about a restriction or an adjustment, sealed with the resident's own key.

seals   app/http/officer/restrictions.py, adjustments.py     what officers note, which the person never reads
        app/http/mobile/restrictions.py                      what the person says
opens   app/http/officer/restrictions.py, adjustments.py     both
"""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import access, vault
from app.access import Look, Purpose, Sees
from app.vault import Vault
from proof.kms import Kms

#: The columns that hold words, by their table.
COLUMNS = {
    "app.restriction_act": "note",
    "app.restriction_verdict": "note",
    "app.restriction_response": "sealed",
    "app.restriction_appeal": "sealed",
    "app.adjustment": "note",
    "kyc.alert_act": "note",
}


def why(about: UUID) -> Look:
    """Tell the person of the look after half a year: before, it could tell them that something is proposed."""
    return Look(sees=Sees.IDENTITY, purpose=Purpose.REQUEST, about=about, delay=access.DELAY)


async def noted(db: AsyncConnection, kms: Kms, person: UUID, words: str, *, table: str, row: UUID) -> bytes | None:
    """Seal what an officer notes about a person; nothing noted is nothing. Raises app.vault.Erased."""
    return seal(await vault.look(db, kms, person, why(row)), words, table=table, row=row) if words else None


def seal(keys: Vault, words: str, *, table: str, row: UUID) -> bytes:
    """Seal words for their place."""
    return keys.seal(words.encode(), table=table, column=COLUMNS[table], row=row)


async def read(
    db: AsyncConnection, kms: Kms, person: UUID, sealed: Mapping[tuple[str, UUID], bytes], *, about: UUID
) -> dict[UUID, str]:
    """Open words for an officer, by their row; of somebody erased there is nothing to read."""
    if not sealed:
        return {}
    try:
        keys = await vault.look(db, kms, person, why(about))
    except vault.Erased:
        return {}
    return {row: opened(keys, words, table=table, row=row) for (table, row), words in sealed.items()}


def opened(keys: Vault, sealed: bytes, *, table: str, row: UUID) -> str:
    """Open words from their place."""
    return keys.open(sealed, table=table, column=COLUMNS[table], row=row).decode()
