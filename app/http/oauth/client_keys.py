"""A client's own keys: partners, regulators and services add and retire them themselves, without a moment of silence.

    POST   /v1/partner/keys           with a proof by the new key; from now on both are believed
    DELETE /v1/partner/keys/{kid}     the old one is believed for a while longer, and then no more

The same under /v1/regulator and /v1/service. Keys sign assertions (private_key_jwt) and messages (RFC 9421).
"""

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, UnsetType

from app import clock
from app.auth import client, client_key, jose
from app.auth.client_key import ClientKey
from app.auth.principal import Principal
from app.db import Story
from app.house import House
from app.http.wire import Wire
from app.idempotency import Once

_Coordinate = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}$(?!\n)")]
_Kid = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~-]{1,64}$(?!\n)", examples=["2026-11"])]
_GRACE_S = int(client_key.GRACE.total_seconds())
_GraceS = Annotated[
    int,
    QueryParameter(
        ge=0,
        le=int(client_key.GRACE_MAX.total_seconds()),
        description="Seconds for which the key is still believed: 0 for one that was stolen.",
    ),
]


class PublicJwk(Wire, frozen=True, omit_defaults=True):
    """A public key: P-256 or Ed25519 (RFC 7517, RFC 8037)."""

    kty: Annotated[Literal["EC", "OKP"], Meta(examples=["OKP"])]
    crv: Annotated[Literal["P-256", "Ed25519"], Meta(examples=["Ed25519"])]
    x: Annotated[_Coordinate, Meta(examples=["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])]
    y: Annotated[_Coordinate, Meta(examples=["x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"])] | UnsetType = UNSET
    kid: _Kid | UnsetType = UNSET
    alg: Annotated[Literal["ES256", "EdDSA"] | UnsetType, Meta(examples=["EdDSA"])] = UNSET
    use: Annotated[Literal["sig"] | UnsetType, Meta(examples=["sig"])] = UNSET


class AddKey(Wire, frozen=True):
    """A new key, and that its private half is here."""

    jwk: PublicJwk
    proof: Annotated[
        str,
        Meta(
            max_length=jose.TOKEN_MAX,
            description=(
                f"A JWS by the new key, typ {client.KEY_PROOF}, with the claims of a client assertion (RFC 7523): iss"
                " and sub the client's id, aud the issuer, a jti that is used once, exp a minute ahead at most."
            ),
            examples=["eyJ0eXAiOiJrZXktcHJvb2Yrand0IiwiYWxnIjoiRWREU0EifQ.e30.c2ln"],
        ),
    ]


class KeyView(Wire, frozen=True):
    """A key and the time in which it is believed, by the real clock."""

    kid: _Kid
    thumbprint: Annotated[str, Meta(description="RFC 7638.", examples=["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"])]
    jwk: PublicJwk
    valid_from: datetime
    valid_to: Annotated[datetime | None, Meta(description="Its retirement; null while none is set.", examples=[None])]

    @classmethod
    def of(cls, found: ClientKey) -> "KeyView":
        """Show a key."""
        jwk = msgspec.convert(msgspec.to_builtins(found.jwk), PublicJwk)
        return cls(
            kid=found.kid,
            thumbprint=found.thumbprint,
            jwk=jwk,
            valid_from=found.valid_from,
            valid_to=found.valid_to,
        )


class KeyList(Wire, frozen=True):
    """Every key the caller has or had, the oldest first."""

    keys: list[KeyView]


def _routes(audience: Literal["partner", "regulator", "service"], tag: str) -> list[HTTPRouteHandler]:
    opt, tags, named = {"scope": f"{audience}:keys"}, [tag], audience.title()

    @get(f"/v1/{audience}/keys", operation_id=f"list{named}Keys", opt=opt, tags=tags, summary="The caller's keys")
    async def list_keys(story: NamedDependency[Story], me: NamedDependency[Principal]) -> KeyList:
        """List the keys with which the caller signs assertions and messages."""
        return KeyList(keys=[KeyView.of(each) for each in await client_key.all_of(await story(), me.subject)])

    @post(f"/v1/{audience}/keys", operation_id=f"add{named}Key", opt=opt, tags=tags, summary="Add a key")
    async def add_key(
        data: JSONBody[AddKey],
        once: NamedDependency[Once],
        me: NamedDependency[Principal],
        house: NamedDependency[House],
    ) -> Response[KeyView]:
        """Believe a new key of the caller beside the others, at once."""

        async def act(story: Story) -> KeyView:
            db, now = await story(), clock.real()
            jwk = msgspec.convert(msgspec.to_builtins(data.jwk), jose.Jwk)
            await client.prove_key(db, me.name, jwk, data.proof, issuer=house.settings.issuer, now=now)
            return KeyView.of(await client_key.add(db, me.subject, jwk, actor=me.actor, at=now))

        return await once(act)

    @delete(
        f"/v1/{audience}/keys/{{kid:str}}",
        operation_id=f"retire{named}Key",
        opt=opt,
        tags=tags,
        summary="Retire a key",
        status_code=200,
    )
    async def retire_key(
        kid: FromPath[str],
        story: NamedDependency[Story],
        me: NamedDependency[Principal],
        grace_s: _GraceS = _GRACE_S,
    ) -> KeyView:
        """Believe a key for a while longer and then no more; never the last one that stays."""
        now = clock.real()
        until = now + timedelta(seconds=grace_s)
        return KeyView.of(await client_key.retire(await story(), me.subject, kid, until=until, actor=me.actor, at=now))

    return [list_keys, add_key, retire_key]


routes: list[HTTPRouteHandler] = [
    *_routes("partner", "Partners"),
    *_routes("regulator", "Regulator"),
    *_routes("service", "OAuth"),
]
