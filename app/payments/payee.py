"""Who money would go to: found by phone, e-mail, IBAN, wallet or payment code, and confirmed to the payer by name.

asks       app/http/mobile/payees.py   POST /v1/payees/lookups
finds      app/payments/payee.py       find()         <- you are here
by         app.find_payee()            in the database, past the walls, for whom a payee allowed to be found
pays       app/http/mobile/transfers.py, which names the reference

Who does not exist and who does not want to be found are the same answer. A reference is a sealed text for one payer and
ten minutes: what it says was confirmed can't be changed, and nothing is stored of who looked for whom.
"""

import base64
import binascii
import enum
import hmac
from datetime import datetime, timedelta
from secrets import token_bytes
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app import person, rowkey
from app.auth import contact
from app.house import House, Keys
from app.http import ids
from app.payments import emv, naming
from app.payments.naming import Match
from app.rowkey import Cell
from app.vault import Erased
from kyc import standing
from law import calendar
from law.money import Money
from proof.kms import NONCE_BYTES, Kms
from wallet import account, address
from wallet.transfer import AccountId

LIFETIME = timedelta(minutes=10)
#: How a reference begins, so that it is taken for nothing else.
REFERENCE = "payee."
REFERENCE_MAX = 1_000
_TABLE = "app.payee"


class Via(enum.StrEnum):
    """By what a payee was found."""

    PHONE = "phone"
    EMAIL = "email"
    IBAN = "iban"
    WALLET = "wallet"
    QR = "qr"


class NotFound(Exception):
    """Nobody can be paid by this: there is nobody, or they do not want to be found by it."""


class Unproved(Exception):
    """Nobody is found by a contact that they have not proved to be theirs."""


class BadReference(Exception):
    """No such reference was given to this payer, or it is too old: look the payee up again."""


class Card(msgspec.Struct, frozen=True):
    """What others may be told: the masked name; the full one only answers whether a typed name fits."""

    masked: str
    full: str


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """A payee as confirmed to a payer: `name` is masked, empty where not told; `address` is what was asked for."""

    account: AccountId
    lane: int
    holder: UUID
    via: Via
    address: str
    name: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A payee, how well the typed name fits, and what a payment code asks for."""

    payee: Payee
    match: Match | None = None
    money: Money | None = None
    request: str | None = None


class _Sealed(msgspec.Struct, frozen=True, array_like=True):
    payee: Payee
    expires_at: datetime


# -- finding -----------------------------------------------------------------------------------------------------------


async def find(db: AsyncConnection, kms: Kms, via: Via, asked: str, *, typed: str | None = None) -> Found:
    """Find who is paid by `asked`, an address of the kind `via` in whatever spelling; compare the `typed` name.

    Raises NotFound, contact.BadContact, address.BadIban, emv.BadCode, ids.UnknownId.
    """
    code = emv.read(asked) if via is Via.QR else None
    written = _written(via, code.iban if code else asked)
    blind = kms.blind(f"contact.{via}", written) if via in {Via.PHONE, Via.EMAIL} else None
    rows = await look(
        db,
        blinds=[blind] if blind else [],
        accounts=[ids.parse("wallet", written)] if via is Via.WALLET else [],
        ibans=[written] if via in {Via.IBAN, Via.QR} else [],
    )
    if not rows:
        raise NotFound
    row = rows[0]
    card = _card(kms, row)
    payee = Payee(
        account=AccountId(row.account),
        lane=row.lane,
        holder=row.holder,
        via=via,
        address=written,
        name=card.masked if card else "",
    )
    fits = None if typed is None else naming.match(typed, card.full) if card else Match.UNAVAILABLE
    return Found(payee=payee, match=fits, money=code.money if code else None, request=code.request if code else None)


async def look(
    db: AsyncConnection, *, blinds: list[bytes], accounts: list[UUID], ibans: list[str]
) -> list[Row[tuple[object, ...]]]:
    """Ask the database for all of these at once; who is not to be found has no row."""
    return list((await db.execute(_FIND, {"blinds": blinds, "accounts": accounts, "ibans": ibans})).all())


def _written(via: Via, asked: str) -> str:
    match via:
        case Via.PHONE:
            return contact.phone(asked)
        case Via.EMAIL:
            return contact.email(asked)
        case Via.IBAN | Via.QR:
            return address.parse(asked)
        case Via.WALLET:
            return asked


def _card(kms: Kms, row: Row[tuple[object, ...]]) -> Card | None:
    if row.sealed is None:
        return None
    opened = rowkey.read(kms, _TABLE, row.holder, Cell(row.kek_version, row.wrapped, row.sealed))
    return msgspec.json.decode(opened, type=Card)


# -- being found -------------------------------------------------------------------------------------------------------


class Settings(msgspec.Struct, frozen=True):
    """How one is shown to payers: by which masked name, and whether to who knows the IBAN, wallet or code."""

    name: str
    by_account: bool


async def introduce(
    db: AsyncConnection, house: House, holder: UUID, *, by_account: bool | None = None, actor: str, at: datetime
) -> tuple[str, Settings | None]:
    """Give the wallet of `holder`, for whom the story speaks, its address and its name; raises account.NoWallet."""
    mine = await account.wallet(db, holder)
    bank = house.settings.issuing_bank.code
    iban = await address.issue(db, account=mine.account, lane=mine.lane, holder=holder, bank=bank, actor=actor, at=at)
    return iban, await publish(db, house.keys.kms, holder, on=at, by_account=by_account)


async def publish(
    db: AsyncConnection, kms: Kms, holder: UUID, *, on: datetime, by_account: bool | None = None
) -> Settings | None:
    """Keep what payers may be told of `holder`, for whom the story speaks, as the document in force says it.

    None where nobody identified them. `by_account` stays as it is where it is not given, and is on at first.
    """
    known = (await db.execute(_MINE, {"holder": holder})).one_or_none()
    today = calendar.statutory_date(on)
    document = (await standing.standing(db, holder, today)).document
    if known is not None and (document is None or document == known.document):
        if by_account is not None and by_account is not known.by_account:
            await db.execute(_SWITCH, {"holder": holder, "by_account": by_account, "at": on})
        card = _card(kms, known)
        assert card is not None, "a row is sealed"
        return Settings(card.masked, known.by_account if by_account is None else by_account)
    try:
        who = await person.identified(db, kms, holder, today)
    except (person.NotIdentified, Erased):
        return None
    shown = known.by_account if known is not None and by_account is None else by_account is not False
    cell = rowkey.seal(kms, _TABLE, holder, Card(naming.masked(who), naming.full(who)))
    row = {"holder": holder, "document": document, "by_account": shown, "at": on, **msgspec.structs.asdict(cell)}
    await db.execute(_KEEP, row)
    return Settings(naming.masked(who), shown)


# -- references --------------------------------------------------------------------------------------------------------


def refer(keys: Keys, payer: UUID, payee: Payee, expires_at: datetime) -> str:
    """Give the payer a reference to a payee as confirmed."""
    nonce = token_bytes(NONCE_BYTES)
    content = msgspec.json.encode(_Sealed(payee, expires_at))
    sealed = nonce + _cipher(keys).encrypt(nonce, content, payer.bytes)
    return REFERENCE + base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def referred(keys: Keys, payer: UUID, reference: str) -> tuple[Payee, datetime]:
    """Read a reference and when its time is over; raises BadReference for one that this payer was not given."""
    written = reference.removeprefix(REFERENCE)
    try:
        raw = base64.b64decode(written + "=" * (-len(written) % 4), altchars=b"-_", validate=True)
        content = _cipher(keys).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], payer.bytes)
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise BadReference from error
    found = msgspec.json.decode(content, type=_Sealed)
    return found.payee, found.expires_at


def _cipher(keys: Keys) -> AESGCM:
    return AESGCM(hmac.digest(keys.cursor, b"payee reference/1", "sha256"))


_FIND = text(
    """
    SELECT * FROM app.find_payee(CAST(:blinds AS bytea[]), CAST(:accounts AS uuid[]), CAST(:ibans AS text[]))
    """
)
_MINE = text("SELECT holder, document, by_account, kek_version, wrapped, sealed FROM app.payee WHERE holder = :holder")
_SWITCH = text("UPDATE app.payee SET by_account = :by_account, at = :at WHERE holder = :holder")
_KEEP = text(
    """
    INSERT INTO app.payee (holder, document, by_account, kek_version, wrapped, sealed, at)
    VALUES (:holder, :document, :by_account, :kek_version, :wrapped, :sealed, :at)
    ON CONFLICT (holder) DO UPDATE SET document = EXCLUDED.document, by_account = EXCLUDED.by_account,
        kek_version = EXCLUDED.kek_version, wrapped = EXCLUDED.wrapped, sealed = EXCLUDED.sealed, at = EXCLUDED.at
    """
)
