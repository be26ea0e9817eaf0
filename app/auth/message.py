"""What people are sent outside the app: codes, and notices of what was done to their account. No personal data.

composes   app/auth/message.py         code(), notify()      <- you are here
texts      app/auth/message.toml       in three languages
delivers   app/partners/messenger.py   step(), a step of the worker

A message is a row, written in the transaction of what it tells. Whom it goes to and what it says are sealed under a key
of its own, and the row is deleted when the message has lost its use.
"""

import tomllib
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import ids
from app.auth import tables
from app.auth.verification import LIFETIME, Flow
from app.http import ids as public_ids
from app.language import Language
from proof import kms as kms_
from proof.kms import Kms, Wrapped

TEXTS = Path(__file__).with_suffix(".toml")
#: A notice that could not be delivered for so long is no news any more.
NOTICE_LIFETIME = timedelta(days=3)

Kind = Literal["email", "phone"]
Notice = Literal[
    "recovered",
    "device_added",
    "device_removed",
    "device_lost",
    "contact_added",
    "contact_removed",
    "passkey_copied",
    "credential_superseded",
    "credential_withdrawn",
    "credential_ending",
]


class Address(msgspec.Struct, frozen=True):
    """Where a message goes: a normalised contact, and the language its owner reads."""

    kind: Kind
    value: str
    language: Language


class Letter(msgspec.Struct, frozen=True):
    """A message as it is sealed and sent; `title` is the subject of an e-mail."""

    kind: Kind
    to: str
    language: str
    title: str
    text: str


async def code(
    db: AsyncConnection, kms: Kms, flow: Flow, to: Address, digits: str, *, about: UUID, subject: UUID, now: datetime
) -> None:
    """Send a code; `subject` need not exist, then nothing is sent.

    The message names the request as the app shows it, by the end of its id: who gets the codes of strangers too can
    tell which is their own.
    """
    letter = _written(f"{flow}_code", to, code=digits, request=public_ids.show(flow, about)[-4:])
    await _store(db, kms, [letter], subject=subject, now=now, lasts=LIFETIME)


async def notify(
    db: AsyncConnection, kms: Kms, notice: Notice, to: Iterable[Address], *, subject: UUID, now: datetime
) -> None:
    """Tell `subject` at each of their addresses what was done."""
    letters = [_written(notice, each) for each in to]
    await _store(db, kms, letters, subject=subject, now=now, lasts=NOTICE_LIFETIME)


def opened(kms: Kms, message: UUID, wrapped: Wrapped, sealed: bytes) -> Letter:
    """Open a stored message, to send it."""
    key = kms.unwrap(wrapped, _owner(message))
    return msgspec.json.decode(kms_.open_(key, sealed, table="app.message", column="sealed", row=message), type=Letter)


def _written(template: str, to: Address, **fields: str) -> Letter:
    title, text = texts()[template][to.language]
    return Letter(to.kind, to.value, to.language, title, text.format(**fields))


async def _store(
    db: AsyncConnection, kms: Kms, letters: list[Letter], *, subject: UUID, now: datetime, lasts: timedelta
) -> None:
    rows = []
    for letter in letters:
        message, key = ids.new(), kms_.new_data_key()
        wrapped = kms.wrap(key, _owner(message))
        written = msgspec.json.encode(letter)
        rows.append(
            {
                "id": message,
                "subject": subject,
                "kek_version": wrapped.version,
                "wrapped": wrapped.blob,
                "sealed": kms_.seal(key, written, table="app.message", column="sealed", row=message),
                "due_at": now,
                "expires_at": now + lasts,
            }
        )
    if rows:
        await db.execute(insert(tables.message).values(rows))


def _owner(message: UUID) -> str:
    return f"message {message}"


@cache
def texts() -> dict[str, dict[str, tuple[str, str]]]:
    """Read every message's (title, text) by template and language."""
    written = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    return {name: {tag: (text[0], text[1]) for tag, text in tags.items()} for name, tags in written.items()}
