"""The keys of the cards as they are stored: each sealed under a data key of its own, which the Kms wraps.

Beside the numbers, in the schema no login role can read. When the KEK changes, the worker wraps the data keys anew
(app/rotation.py); when a card key changes, the next version makes what is new, once every process has had a minute to
find it, and the older ones verify what they made.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from cards.hsm.material import Key, Material
from cards.hsm.port import Usage
from proof import kms
from proof.kms import Kms


async def read(db: AsyncConnection, keys: Kms) -> list[Material]:
    """Open all there are; raises proof.kms.Unopenable, proof.versions.UnknownKeyVersion."""
    found = []
    for row in await db.execute(_READ):
        key = Key(Usage(row.usage), row.zone, row.version)
        data_key = keys.unwrap(kms.Wrapped(row.key_version, row.wrapped_key), key.owner)
        value = kms.open_(data_key, row.sealed, table="card_vault.key", column="sealed", row=key.owner)
        found.append(Material(key, row.algorithm, value, row.made_at, ripe=row.ripe))
    return found


async def alone(db: AsyncConnection) -> None:
    """Let nobody else add a key until this transaction ends."""
    await db.execute(_ALONE)


async def keep(db: AsyncConnection, keys: Kms, material: Material) -> None:
    """Seal and store a new key, having come in alone()."""
    key, data_key = material.key, kms.new_data_key()
    wrapped = keys.wrap(data_key, key.owner)
    stored = {
        "name": key.owner,
        "usage": key.usage,
        "zone": key.zone,
        "version": key.version,
        "algorithm": material.algorithm,
        "check_value": material.check_value,
        "key_version": wrapped.version,
        "wrapped_key": wrapped.blob,
        "sealed": kms.seal(data_key, material.value, table="card_vault.key", column="sealed", row=key.owner),
        "at": material.made_at,
    }
    await db.execute(_KEEP, stored)


_ALONE = text("SELECT pg_advisory_xact_lock(hashtext('eresidency.card_key'))")
_READ = text("SELECT * FROM card_vault.keys()")
_KEEP = text(
    """
    SELECT card_vault.keep_key(
        :name, :usage, :zone, :version, :algorithm, :check_value, :key_version, :wrapped_key, :sealed, :at
    )
    """
)
