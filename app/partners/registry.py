"""Who our partners are, and the keys we believe them by.

A partner is a client as well (app/auth/client.py), under the same subject: its public keys are the client's. Here are
the secrets it may share with us for its webhooks. A key is valid in `[valid_from, valid_to)` by the real clock; two
whose times overlap are how one replaces the other. What a partner sends is stored under a data key of its own, wrapped
by the KMS.
"""

import contextlib
import enum
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth import client, client_key, jose
from app.auth.principal import Principal
from app.auth.subject import Subject
from app.partners import tables, webhook
from app.partners.webhook import Key, Public, Shared
from proof import kms
from proof.kms import Kms, Wrapped


class Kind(enum.StrEnum):
    """What a partner does for us."""

    BANK = "bank"
    BROKER = "broker"
    NETWORK = "network"
    AGENCY = "agency"


class State(enum.StrEnum):
    """`active` is asked and believed, `suspended` still believed but asked for nothing new, `closed` neither."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class UnknownPartner(Exception):
    """There is no such partner."""

    def __init__(self, partner: UUID | str) -> None:
        super().__init__(partner)
        self.partner = partner


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """A partner; `code` names it in addresses and among our accounts, `base_url` is where it is called."""

    id: UUID
    code: str
    name: str
    kind: Kind
    state: State
    base_url: str | None
    data_key: Wrapped

    @property
    def owner(self) -> str:
        """Whose key the KMS holds the data key for."""
        return f"partner:{self.id}"


async def find(db: AsyncConnection, partner: UUID | str) -> Partner:
    """Load a partner by id or code; raises UnknownPartner."""
    partners = tables.partner
    column = partners.c.id if isinstance(partner, UUID) else partners.c.code
    row = (await db.execute(select(partners).where(column == partner))).mappings().one_or_none()
    if row is None:
        raise UnknownPartner(partner)
    return _partner(row)


async def names(db: AsyncConnection) -> dict[UUID, str]:
    """List the names of all partners."""
    partners = tables.partner.c
    return {row.id: row.name for row in await db.execute(select(partners.id, partners.name))}


async def registered_name(db: AsyncConnection, caller: Principal) -> str:
    """Give the name a client is registered under: of its organisation, or its id where it is no partner of ours."""
    try:
        return (await find(db, caller.subject)).name
    except UnknownPartner:
        return caller.name


async def keys(db: AsyncConnection, vault: Kms, partner: Partner, now: datetime) -> list[Key]:
    """Load what is believed of `partner`'s webhooks at `now` (real clock); nothing of one that is closed.

    The story speaks for the partner.
    """
    if partner.state is State.CLOSED:
        return []
    key = tables.partner_key.c
    query = (
        select(tables.partner_key)
        .where(key.partner == partner.id, key.valid_from <= now, or_(key.valid_to.is_(None), key.valid_to > now))
        .order_by(key.valid_from.desc())
    )
    shared: list[Key] = [_shared(row, vault, partner) for row in (await db.execute(query)).mappings()]
    public = [each.jwk for each in await client_key.valid(db, partner.id, now)]
    return shared + [Public(jose.unb64(jwk.x)) for jwk in public if jwk.crv == "Ed25519"]


async def enrol(
    db: AsyncConnection,
    vault: Kms,
    *,
    partner: UUID,
    code: str,
    name: str,
    kind: Kind,
    base_url: str | None,
    at: datetime,
) -> Partner:
    """Record a partner and its client, one subject, active at once; the code must be new and no other client's id."""
    owner = f"partner:{partner}"
    enrolled = Partner(
        id=partner,
        code=code,
        name=name,
        kind=kind,
        state=State.ACTIVE,
        base_url=base_url,
        data_key=vault.wrap(kms.new_data_key(), owner),
    )
    await db.execute(
        tables.partner.insert().values(
            id=partner,
            code=code,
            name=name,
            kind=kind,
            state=State.ACTIVE,
            base_url=base_url,
            kek_version=enrolled.data_key.version,
            data_key=enrolled.data_key.blob,
            enrolled_at=at,
        )
    )
    await client.enrol(db, Subject(partner, "partner", code), at)
    return enrolled


async def move(db: AsyncConnection, partner: Partner, *, base_url: str | None) -> Partner:
    """Call `partner` at another address from now on."""
    partners = tables.partner
    await db.execute(partners.update().where(partners.c.id == partner.id).values(base_url=base_url))
    return msgspec.structs.replace(partner, base_url=base_url)


async def add_key(
    db: AsyncConnection, vault: Kms, partner: Partner, *, kid: str, key: str, valid_from: datetime
) -> None:
    """Believe `key` from `valid_from` on; told twice it is believed once. Raises BadKey.

    `whpk_…` is a key of the partner's client, named by its thumbprint; `whsec_…` is a secret for webhooks, named `kid`.
    """
    if key.startswith("whpk_"):
        jwk = jose.Jwk(kty="OKP", crv="Ed25519", x=jose.b64(webhook.public_key(key).key))
        await add_public(db, partner, jwk, valid_from=valid_from)
        return
    wrapped = vault.wrap(webhook.shared_key(key).secret, f"{partner.owner}/{kid}")
    row = {"partner": partner.id, "kid": kid, "valid_from": valid_from}
    row |= {"kek_version": wrapped.version, "secret": wrapped.blob}
    await db.execute(insert(tables.partner_key).values(row).on_conflict_do_nothing())


async def add_public(db: AsyncConnection, partner: Partner, jwk: jose.Jwk, *, valid_from: datetime) -> None:
    """Believe a public key of the partner's client; told twice it is believed once. Raises jose.Unreadable."""
    with contextlib.suppress(client_key.KeyKnown):
        await client_key.put(db, partner.id, jwk, valid_from=valid_from, actor="operator", at=clock.real())


async def retire_key(db: AsyncConnection, partner: Partner, *, kid: str, at: datetime) -> None:
    """Believe a shared secret no longer from `at` on."""
    await db.execute(_RETIRE, {"partner": partner.id, "kid": kid, "at": at})


def seal(vault: Kms, partner: Partner, body: bytes, *, row: UUID, table: str = "app.inbox") -> bytes:
    """Encrypt what `partner` sent for the column `body` of its row."""
    data_key = vault.unwrap(partner.data_key, partner.owner)
    return kms.seal(data_key, body, table=table, column="body", row=row)


def unseal(vault: Kms, partner: Partner, sealed: bytes, *, row: UUID) -> bytes:
    """Decrypt what `partner` sent; raises kms.Unopenable."""
    data_key = vault.unwrap(partner.data_key, partner.owner)
    return kms.open_(data_key, sealed, table="app.inbox", column="body", row=row)


_RETIRE = text("UPDATE app.partner_key SET valid_to = :at WHERE partner = :partner AND kid = :kid AND valid_to IS NULL")


def _partner(row: RowMapping) -> Partner:
    return Partner(
        id=row["id"],
        code=row["code"],
        name=row["name"],
        kind=Kind(row["kind"]),
        state=State(row["state"]),
        base_url=row["base_url"],
        data_key=Wrapped(row["kek_version"], row["data_key"]),
    )


def _shared(row: RowMapping, vault: Kms, partner: Partner) -> Shared:
    wrapped = Wrapped(row["kek_version"], row["secret"])
    return Shared(vault.unwrap(wrapped, f"{partner.owner}/{row['kid']}"))
