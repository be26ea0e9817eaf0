"""Presentations: a verifier asks through us, a wallet answers, and what it proves is told who asked (OpenID4VP 1.0).

asks      app/http/presentation_views.py               ask()
fetches   app/http/wallet_openid/presenting.py         get_request(), post_request()
answers   app/http/wallet_openid/presenting.py         answer()        <- you are here
judges    residency/credential/presenting/judging.py   read(), conclude()
reads     app/http/presentation_views.py               read()

The request has a key of its own, to which the answer is encrypted; it lies sealed with the request and goes when the
answer is read. A verdict is kept for an hour, sealed under the key of its row.
"""

import enum
import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, rowkey
from app.credentials import trusted
from app.credentials.issuer import Credentials
from app.http import ids as public_ids
from app.rowkey import Cell
from proof.kms import Kms
from residency.credential import jws
from residency.credential.presenting import asking, dcql, judging, question
from residency.credential.presenting.asking import Asked
from residency.credential.presenting.dcql import Query
from residency.credential.presenting.judging import Verdict
from residency.credential.presenting.question import QUESTIONS
from residency.credential.tables import presentation

#: How long a wallet may take, and how long the verdict is kept.
LIFETIME, KEPT = timedelta(minutes=5), timedelta(hours=1)
REQUESTS_PATH, RESPONSES_PATH = "/openid4vp/requests/", "/openid4vp/responses/"
SCHEME = "openid4vp://"

State = Literal["open", "answered", "declined", "expired"]

_TABLE = "credential.presentation"
_ALGORITHMS = [asking.ENCRYPTION, *asking.CONTENT_ENCRYPTIONS]
#: A dozen documents with portraits, encrypted.
RESPONSE_BYTES_MAX = 400_000
_NONCE_BYTES = 32
_OTHER_STATE = "state is not that of this request"


class UnknownPresentation(Exception):
    """There is no such request, or it is another verifier's."""


class Over(Exception):
    """The request was answered, declined, or is too old."""


class BadResponse(Exception):
    """What a wallet sent is no answer to this request: `reason` says why, for who writes the wallet."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OtherSession(Exception):
    """The holder came back to somebody who does not have the code of this answer (OpenID4VP 1.0 section 13.3)."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier asks: a query in DCQL or one of our questions, and where its holder comes back to."""

    query: Mapping[str, Any] | None = None
    question: str | None = None
    transaction_data: tuple[str, ...] = ()
    redirect_uri: str | None = None


class Opened(msgspec.Struct, frozen=True):
    """A request that stands: `uri` is what a wallet is opened with, by a link or a QR code."""

    id: UUID
    uri: str
    expires_at: datetime


class WalletError(enum.StrEnum):
    """Why there is no answer, in the words of wallets (OpenID4VP 1.0 section 8.5); `OTHER` is any other word."""

    ACCESS_DENIED = "access_denied"
    INVALID_CLIENT = "invalid_client"
    INVALID_REQUEST = "invalid_request"
    INVALID_REQUEST_URI_METHOD = "invalid_request_uri_method"
    INVALID_TRANSACTION_DATA = "invalid_transaction_data"
    VP_FORMATS_NOT_SUPPORTED = "vp_formats_not_supported"
    WALLET_UNAVAILABLE = "wallet_unavailable"
    OTHER = "other"


class Verifier(msgspec.Struct, frozen=True):
    """Who asks: `name` is what we know it by, and what the wallet shows its holder."""

    actor: str
    name: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed in a row: the request while it is open, what came of it when it is over."""

    wanted: Wanted
    nonce: str
    state: str
    client_id: str = ""
    client_name: str = ""
    key: dict[str, str] = {}
    verdict: Verdict | None = None
    error: WalletError | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request stands, for who asked."""

    state: State
    wanted: Wanted
    verdict: Verdict | None
    error: WalletError | None
    expires_at: datetime
    answered_at: datetime | None


async def ask(
    db: AsyncConnection, kms: Kms, by: Credentials, wanted: Wanted, *, verifier: Verifier, now: datetime
) -> Opened:
    """Keep a request of `verifier`; raises dcql.BadQuery."""
    _query(by, wanted)
    id_, key = ids.new(), ec.generate_private_key(ec.SECP256R1())
    seal = by.requests_of(verifier.actor, verifier.name)
    private = jws.b64(key.private_numbers().private_value.to_bytes(32))
    kept = Kept(
        wanted=wanted,
        client_name=verifier.name,
        nonce=secrets.token_urlsafe(_NONCE_BYTES),
        state=secrets.token_urlsafe(_NONCE_BYTES),
        client_id=asking.client_id(seal.chain[0]),
        key={**asking.encryption_key(key.public_key(), secrets.token_urlsafe(8)), "d": private},
    )
    cell = rowkey.seal(kms, _TABLE, id_, kept)
    row = {"id": id_, "verifier": verifier.actor, "state": "open", "at": now, "expires_at": now + LIFETIME}
    await db.execute(insert(presentation).values(row | msgspec.structs.asdict(cell)))
    told = {
        "client_id": kept.client_id,
        "request_uri": f"{by.authority.url}{REQUESTS_PATH}{public_ids.show('presentation', id_)}",
        "request_uri_method": "post",
    }
    return Opened(id_, f"{SCHEME}?{urlencode(told)}", now + LIFETIME)


async def request(
    db: AsyncConnection, kms: Kms, by: Credentials, id_: UUID, *, now: datetime, wallet_nonce: str | None = None
) -> str:
    """Sign the request for the wallet that fetches it; raises UnknownPresentation, Over."""
    row = await _open(db, id_, now)
    asked = _asked(by, id_, _read(kms, row))
    # Its own, or the house's, which it had while the root's key was elsewhere.
    seals = (by.requests_of(row.verifier, asked.client_name), by.authority.requests)
    seal = next((each for each in seals if asking.client_id(each.chain[0]) == asked.client_id), None)
    if seal is None:  # the certificate was succeeded since the link was made
        raise Over
    return asking.request_object(asked, seal, at=now, lasts=row.expires_at - now, wallet_nonce=wallet_nonce)


async def hear(
    db: AsyncConnection, kms: Kms, by: Credentials, id_: UUID, response: str, *, now: datetime, law_at: datetime
) -> str | None:
    """Judge an encrypted answer and keep the verdict; answers where the holder goes now, where that was asked.

    Raises UnknownPresentation, Over, BadResponse. One answer ends a request, whatever it proves.
    """
    row = await _open(db, id_, now, lock=True)
    kept = _read(kms, row)
    told = _decrypted(response, kept)
    if "error" in told:
        return await _end(db, kms, row, msgspec.structs.replace(kept, error=_error(told["error"])), now=now)
    asked = _asked(by, id_, kept)
    trust = await trusted.today(db, by.authority, law_at=law_at, now=now)
    try:
        presented = judging.read(told.get("vp_token"), asked, trust)
    except judging.BadAnswer as error:
        raise BadResponse(error.reason) from error
    statuses = await trusted.statuses(db, by.authority, presented, now=now)
    verdict = judging.conclude(presented, asked.query, statuses, at=now)
    return await _end(db, kms, row, msgspec.structs.replace(kept, verdict=verdict), now=now)


async def decline(
    db: AsyncConnection, kms: Kms, id_: UUID, error: str, *, state: str | None, now: datetime
) -> str | None:
    """Hear that the holder, or the wallet, will not answer; answers where the holder goes now.

    Raises UnknownPresentation, Over, BadResponse: who does not know the state of the request never fetched it.
    """
    row = await _open(db, id_, now, lock=True)
    kept = _read(kms, row)
    if state != kept.state:
        raise BadResponse(_OTHER_STATE)
    return await _end(db, kms, row, msgspec.structs.replace(kept, error=_error(error)), now=now)


async def _end(db: AsyncConnection, kms: Kms, row: Row[Any], kept: Kept, *, now: datetime) -> str | None:
    """End a request with a verdict, or without; answers where the holder goes now, where that was asked."""
    back = kept.wanted.redirect_uri
    code = secrets.token_urlsafe(_NONCE_BYTES) if back is not None else None
    values = {
        "state": "declined" if kept.verdict is None else "answered",
        "conclusion": None if kept.verdict is None else kept.verdict.conclusion.value,
        "sealed": _sealed(kms, row, msgspec.structs.replace(kept, key={})),
        "response_code_hash": None if code is None else _hash(code),
        "answered_at": now,
    }
    await db.execute(update(presentation).where(presentation.c.id == row.id).values(values))
    if back is None or code is None:
        return None
    return f"{back}{'&' if '?' in back else '?'}{urlencode({'response_code': code})}"


def _error(word: object) -> WalletError:
    return WalletError(word) if isinstance(word, str) and word in {*WalletError} else WalletError.OTHER


async def result(
    db: AsyncConnection, kms: Kms, id_: UUID, *, verifier: str, response_code: str | None, now: datetime
) -> Result:
    """Tell who asked where a request stands; raises UnknownPresentation, OtherSession."""
    row = await _find(db, id_)
    if row.verifier != verifier or row.expires_at + KEPT <= now:
        raise UnknownPresentation
    if row.response_code_hash is not None and _hash(response_code or "") != row.response_code_hash:
        raise OtherSession
    kept = _read(kms, row)
    state: State = "expired" if row.state == "open" and row.expires_at <= now else row.state
    return Result(
        state=state,
        wanted=kept.wanted,
        verdict=kept.verdict,
        error=kept.error,
        expires_at=row.expires_at,
        answered_at=row.answered_at,
    )


async def forget(db: AsyncConnection, *, now: datetime) -> int:
    """Delete what is no longer kept; answers how many. A step of the worker."""
    return (await db.execute(delete(presentation).where(presentation.c.expires_at <= now - KEPT))).rowcount


async def _find(db: AsyncConnection, id_: UUID, *, lock: bool = False) -> Row[Any]:
    query = select(presentation).where(presentation.c.id == id_)
    found = (await db.execute(query.with_for_update() if lock else query)).one_or_none()
    if found is None:
        raise UnknownPresentation
    return found


async def _open(db: AsyncConnection, id_: UUID, now: datetime, *, lock: bool = False) -> Row[Any]:
    row = await _find(db, id_, lock=lock)
    if row.state != "open" or row.expires_at <= now:
        raise Over
    return row


def _asked(by: Credentials, id_: UUID, kept: Kept) -> Asked:
    return Asked(
        query=_query(by, kept.wanted),
        client_id=kept.client_id,
        client_name=kept.client_name,
        response_uri=f"{by.authority.url}{RESPONSES_PATH}{public_ids.show('presentation', id_)}",
        nonce=kept.nonce,
        state=kept.state,
        key={name: value for name, value in kept.key.items() if name != "d"},
        transaction_data=kept.wanted.transaction_data,
    )


def _query(by: Credentials, wanted: Wanted) -> Query:
    if wanted.question is not None:
        return question.query(QUESTIONS[wanted.question], by.authority.url)
    return dcql.parse(wanted.query)


def _decrypted(response: str, kept: Kept) -> jws.Json:
    """Open the answer to this request; raises BadResponse."""
    try:
        opened = jwe.decrypt_compact(response, ECKey.import_key(dict(kept.key)), algorithms=_ALGORITHMS)
        told = jws.read_object(opened.plaintext or b"")
    except (JoseError, ValueError, TypeError, KeyError, jws.Unreadable) as error:
        raise BadResponse("the response is not encrypted to the key of this request") from error
    if opened.protected.get("kid", kept.key["kid"]) != kept.key["kid"]:
        raise BadResponse("kid is not that of the key of this request")
    if told.get("state") != kept.state:
        raise BadResponse(_OTHER_STATE)
    return told


def _read(kms: Kms, row: Row[Any]) -> Kept:
    cell = Cell(row.kek_version, row.wrapped, row.sealed)
    return msgspec.json.decode(rowkey.read(kms, _TABLE, row.id, cell), type=Kept)


def _sealed(kms: Kms, row: Row[Any], kept: Kept) -> bytes:
    """Seal anew under the key the row has."""
    vault = rowkey.opened(kms, _TABLE, row.id, row._asdict())
    return vault.seal(msgspec.json.encode(kept), table=_TABLE, column="sealed", row=row.id)


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
