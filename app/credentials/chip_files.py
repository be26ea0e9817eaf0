"""What a resident's passport chip says beyond its MRZ: the files of the scan, opened and read again.

Only what a state we trust signed counts, whatever officers made of the document: nothing of a chip whose signature did
not lead to one when it was scanned, and no file that its security object does not list with the same digest.
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
from kyc.chip.report import SIGNED
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
    kept, known = tables.evidence.c, tables.document.c
    files = select(kept.files).join(tables.document, known.id == kept.document)
    sealed = await db.scalar(files.where(known.id == document, known.grade.in_(SIGNED)))
    if sealed is None:
        return Chip()
    opened = keys.open(sealed, table="kyc.evidence", column="files", row=document)
    try:
        groups = signed(msgspec.msgpack.decode(opened, type=Reading))
    except (msgspec.DecodeError, der.Malformed):  # nobody read a chip: a sandbox person, or a card without one
        return Chip()
    return Chip(_personal(groups), _portrait(groups))


def signed(reading: Reading) -> Mapping[int, bytes]:
    """Give the files of `reading` that are looked at and listed as they are; raises der.Malformed."""
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
