"""What a resident's passport chip says beyond its MRZ: the files of the scan, opened and read again.

Only what the issuing state signed counts: a file the security object does not list, or lists with another digest, is
not read, whatever officers made of the document.
"""

import hashlib
from collections.abc import Mapping
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.vault import Vault
from kyc import tables
from kyc.chip import der, lds, personal, signature
from kyc.chip.personal import Personal
from kyc.identify import Reading
from kyc.papers import portrait
from kyc.papers.portrait import Portrait

_DG2, _DG11 = 2, 11


class Chip(msgspec.Struct, frozen=True):
    """What was found: `portrait` as it lies there, JPEG or JPEG 2000."""

    personal: Personal = Personal()
    portrait: Portrait | None = None


async def of_document(db: AsyncConnection, keys: Vault, document: UUID) -> Chip:
    """Read the chip of a scanned document; what can't be read is not there."""
    kept = tables.evidence
    sealed = await db.scalar(select(kept.c.files).where(kept.c.document == document))
    if sealed is None:
        return Chip()
    opened = keys.open(sealed, table="kyc.evidence", column="files", row=document)
    try:
        groups = signed(msgspec.msgpack.decode(opened, type=Reading))
    except (msgspec.DecodeError, der.Malformed):  # nobody read a chip: a sandbox person, or a card without one
        return Chip()
    return Chip(_personal(groups), _portrait(groups))


def signed(reading: Reading) -> Mapping[int, bytes]:
    """Give the files of `reading` that the state signed, of those that are looked at; raises der.Malformed."""
    whole = lds.signed_object(reading.sod)
    listed = lds.security_object(whole.content_type, whole.content)
    if listed.digest not in signature.DIGESTS:
        return {}
    wanted = {number: reading.groups[number] for number in (_DG2, _DG11) if number in reading.groups}
    return {
        number: group
        for number, group in wanted.items()
        if hashlib.new(listed.digest, group).digest() == listed.hashes.get(number)
    }


def _personal(groups: Mapping[int, bytes]) -> Personal:
    try:
        return personal.read(groups[_DG11]) if _DG11 in groups else Personal()
    except der.Malformed:
        return Personal()


def _portrait(groups: Mapping[int, bytes]) -> Portrait | None:
    try:
        return portrait.read(groups[_DG2]) if _DG2 in groups else None
    except der.Malformed:
        return None
