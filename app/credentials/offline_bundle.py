"""The bundle that verifiers take along, made when it is asked for and at most once a minute and process.

path   GET /.well-known/eresidency-bundle  ->  Bundles.of()  ->  residency/credential/presenting/bundle.py
"""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credentials import entitlement
from app.credentials.signing_keys import Authority
from app.credentials.status_tokens import Noted
from law import calendar
from residency.credential import entries, issuing, status_list
from residency.credential.presenting import bundle, foreign_lists, issuers
from residency.credential.presenting.bundle import StatusToken
from residency.credential.seal import Seal

EVERY_S = 60


class Signed(msgspec.Struct, frozen=True):
    """A bundle as it is served; `tag` changes with its minute, the signers and roots, also those revoked."""

    tag: str
    text: bytes


class Bundles:
    """The bundle of one process."""

    def __init__(self) -> None:
        self._made: Signed | None = None

    async def of(self, db: AsyncConnection, by: Authority, *, law_at: datetime, now: datetime, noted: Noted) -> Signed:
        """Give the bundle of this minute; `noted` hears of its signatures."""
        minute = int(now.timestamp()) // EVERY_S * EVERY_S
        tag = f"{minute}-{by.documents.signer.kid}-{by.statuses.signer.kid}-{len(by.revoked)}-{len(by.published)}"
        if self._made is None or self._made.tag != tag:
            at = datetime.fromtimestamp(minute, UTC)
            text, lists = await _made(db, by, law_at=law_at, at=at)
            self._made = Signed(tag, text.encode())
            noted("bundle", by.documents.signer.kid, 1)
            noted("status_list", by.statuses.signer.kid, lists)
        return self._made


async def _made(db: AsyncConnection, by: Authority, *, law_at: datetime, at: datetime) -> tuple[str, int]:
    """Sign a bundle and our lists in it; gives how many they are."""
    believed = await issuers.in_force(db, calendar.statutory_date(law_at))
    foreign = await foreign_lists.tokens(db, [each.id for each in believed], at=at)
    own = [await _own(db, by, listed, at) for listed in await entries.living(db, since=at - issuing.LIFE)]
    tokens = [
        *own,
        *(StatusToken.of(uri, token, issuer) for issuer, uri, token in foreign),
    ]
    seal = Seal.of(by.documents.signer, by.documents.chain, typ=bundle.TYP)
    told = bundle.made(by.url, by.roots, believed, tokens, links=by.links, revoked=by.revoked, at=at)
    return bundle.signed(told, seal), len(own)


async def _own(db: AsyncConnection, by: Authority, listed: UUID, at: datetime) -> StatusToken:
    snapshot = await entries.snapshot(db, listed)
    compressed = status_list.compress(status_list.pack(snapshot.statuses, size=snapshot.size))
    return bundle.status_token(compressed, uri=entitlement.list_url(by.url, listed), seal=by.statuses, at=at)
