"""Contacts: e-mail addresses and phone numbers a person proved to receive messages at; they bring a lost account back.

route      app/http/mobile/contacts.py
claims     app/auth/contact.py        claim(), confirm()      <- you are here
sends      app/auth/message.py
proves     app/auth/verification.py

Each has one normal form, and that is what is stored, looked up and written to: an address that only looks like another
one is another one. The value lies in the person's vault; a keyed digest of it finds it again.
"""

import re
from datetime import datetime
from typing import Literal
from uuid import UUID

import idna
import msgspec
import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType
from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids, vault
from app.auth import message, tables, verification
from app.auth.events import ContactRemoved, ContactVerified
from app.auth.message import Address, Kind
from app.auth.principal import Principal
from app.language import Language
from app.tables import event
from proof import journal
from proof.kms import Kms

CONTACTS_MAX = 10
_EMAIL_MAX, _LOCAL_MAX = 254, 64  # RFC 5321 section 4.5.3.1, with erratum 1690 of RFC 3696
# The dot-string of RFC 5321. No quoted ones, which allow spaces, and no letters beyond ASCII, of which many look alike.
_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
# Numbers a message reaches one person at; the others are offices, pagers, and those that earn on being called.
_PERSONAL = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.PERSONAL_NUMBER}


class BadContact(Exception):
    """This is no e-mail address or no phone number a person can be written to."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self.kind = kind


class Taken(Exception):
    """Somebody else proved to receive messages there. Said only to who proved it too."""


class TooManyContacts(Exception):
    """The person has as many contacts as one may have."""


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact of the person who asks."""

    id: UUID
    kind: Kind
    value: str
    language: Language
    at: datetime
    verified_at: datetime | None = None
    findable: bool = False


class Wanted(msgspec.Struct, frozen=True):
    """A contact that somebody names; `blind` finds it."""

    address: Address
    blind: bytes


def named(kms: Kms, kind: Literal["email", "phone"], text: str, language: Language) -> Wanted:
    """Bring a contact into its normal form; raises BadContact."""
    value = email(text) if kind == "email" else phone(text)
    return Wanted(Address(kind, value, language), kms.blind(f"contact.{kind}", value))


def email(text: str) -> str:
    """Normalise an e-mail address: small ASCII letters, the domain as DNS has it; raises BadContact.

    Dots and tags in front of the @ stay: what they mean, the mail server alone knows.
    """
    local, at, domain = text.strip(" ").rpartition("@")
    try:
        host = idna.encode(domain.removesuffix("."), uts46=True, std3_rules=True).decode()
    except idna.IDNAError as error:
        raise BadContact("email") from error
    address = f"{local.lower()}@{host}" if local.isascii() else ""
    fits = len(local) <= _LOCAL_MAX and len(address) <= _EMAIL_MAX and "." in host
    if not at or not fits or not _LOCAL.fullmatch(address.rpartition("@")[0]):
        raise BadContact("email")
    return address


def phone(text: str) -> str:
    """Normalise a phone number with its country code to E.164; raises BadContact."""
    try:
        number = phonenumbers.parse(text, None)
    except NumberParseException as error:
        raise BadContact("phone") from error
    if number.extension or not phonenumbers.is_valid_number(number):
        raise BadContact("phone")
    if phonenumbers.number_type(number) not in _PERSONAL:
        raise BadContact("phone")
    return str(phonenumbers.format_number(number, PhoneNumberFormat.E164))


async def claim(db: AsyncConnection, kms: Kms, me: Principal, wanted: Wanted, *, sender: str, now: datetime) -> Contact:
    """Keep a contact that `me` has yet to prove, and send its code; raises TooManyContacts, verification.TooMany."""
    await verification.count(db, kms, sender=sender, contact=wanted.blind, now=now)
    columns = tables.contact.c
    if (await db.scalar(select(func.count()).where(columns.subject == me.subject)) or 0) >= CONTACTS_MAX:
        raise TooManyContacts
    new, address = ids.new(), wanted.address
    safe = await vault.of(db, kms, me.subject, now)
    await db.execute(
        insert(tables.contact).values(
            id=new,
            subject=me.subject,
            kind=address.kind,
            value=safe.seal(address.value.encode(), table="app.contact", column="value", row=new),
            blind=wanted.blind,
            language=address.language,
            at=now,
        )
    )
    digits = await verification.issue(db, kms, "contact", new, subject=me.subject, now=now)
    await message.code(db, kms, "contact", address, digits, about=new, subject=me.subject, now=now)
    return Contact(id=new, kind=address.kind, value=address.value, language=address.language, at=now)


async def confirm(db: AsyncConnection, kms: Kms, me: Principal, contact: UUID, now: datetime) -> Contact:
    """Keep a contact whose code was right; the person's other addresses are told. Raises Taken."""
    others = await addresses(db, kms, me.subject)
    try:
        await db.execute(update(tables.contact).where(_mine(me, contact)).values(verified_at=now))
    except IntegrityError as error:
        raise Taken from error
    kept = next(each for each in await of(db, kms, me.subject) if each.id == contact)
    await _record(db, me, contact, ContactVerified(subject=me.subject, contact_kind=kept.kind), now)
    await message.notify(db, kms, "contact_added", others, subject=me.subject, now=now)
    return kept


async def remove(db: AsyncConnection, kms: Kms, me: Principal, contact: UUID, now: datetime) -> bool:
    """Forget a contact; it and the others are told. False where the person has none of this id."""
    told = await addresses(db, kms, me.subject)
    gone = await db.execute(delete(tables.contact).where(_mine(me, contact)).returning(tables.contact.c.verified_at))
    if (row := gone.one_or_none()) is None:
        return False
    if row.verified_at is not None:
        await _record(db, me, contact, ContactRemoved(subject=me.subject), now)
        await message.notify(db, kms, "contact_removed", told, subject=me.subject, now=now)
    return True


async def of(db: AsyncConnection, kms: Kms, subject: UUID) -> list[Contact]:
    """List what `subject`, for whom the story speaks, can be written to at, the oldest first, unproved ones too."""
    columns = tables.contact.c
    rows = (await db.execute(select(tables.contact).where(columns.subject == subject).order_by(columns.id))).all()
    if not rows:
        return []
    safe = await vault.existing(db, kms, subject)
    return [
        Contact(
            id=row.id,
            kind=row.kind,
            value=safe.open(row.value, table="app.contact", column="value", row=row.id).decode(),
            language=Language(row.language),
            at=row.at,
            verified_at=row.verified_at,
            findable=row.findable,
        )
        for row in rows
    ]


async def addresses(db: AsyncConnection, kms: Kms, subject: UUID) -> list[Address]:
    """List where notices to `subject` go: to every contact they proved."""
    return [Address(each.kind, each.value, each.language) for each in await of(db, kms, subject) if each.verified_at]


def _mine(me: Principal, contact: UUID) -> ColumnElement[bool]:
    return (tables.contact.c.id == contact) & (tables.contact.c.subject == me.subject)


async def _record(
    db: AsyncConnection, me: Principal, contact: UUID, fact: ContactVerified | ContactRemoved, at: datetime
) -> None:
    await journal.append(
        db, event, journal.Fact(aggregate=contact, holder=me.subject, at=at, actor=me.actor, event=fact)
    )
