"""Letting staff and machines in, from the operator's command line (`app/cli.py` reads the arguments).

eresidency officer invite --name NAME
eresidency client add --id ID --role partner|regulator|service --jwks FILE
eresidency token mint …                                                       app/auth/mint.py
"""

from uuid import UUID

import msgspec

from app import clock, db, ids
from app.auth import client, jose, subject
from app.auth.principal import Role
from app.auth.subject import Subject
from app.house import House

# The command line acts for the operator: its story is a service's, which row-level security lets see every subject.
_AUDIENCE = "service"


class _Jwks(msgspec.Struct, frozen=True):
    keys: list[jose.Jwk]


async def invite_officer(house: House, name: str) -> str:
    """Make a new officer's invitation, for the `invitation` of POST /v1/auth/registrations within a day."""
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        return await subject.invite(story, Subject(ids.new(), "officer", name), clock.real())


async def add_client(house: House, client_id: str, role: Role, jwks: bytes) -> UUID:
    """Register a machine and the public keys (a JWK set) it proves itself with; gives its subject.

    Raises jose.Unreadable for a key that is private or not P-256 or Ed25519, client.AlreadyRegistered.
    """
    keys = jose.read(msgspec.json.Decoder(_Jwks), jwks, "jwks").keys
    who = Subject(ids.new(), role, client_id)
    async with db.transaction(house.api, audience=_AUDIENCE) as story:
        await client.register(story, who, keys, clock.real())
    return who.id
