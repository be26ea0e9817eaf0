"""Anchors, for anybody to keep: whoever has one can tell whether anything before it was changed.

path   app/anchor.py  step()  ->  GET /v1/public/anchors  ->  anybody's own archive
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Meta

from app import anchor
from app.anchor import Anchor
from app.db import Story
from app.house import House
from app.http.paging import Limit
from app.http.wire import Wire

After = Annotated[
    int | None,
    QueryParameter(
        ge=0, le=2**63 - 1, description="Only anchors after this number; without it, the newest ones are shown."
    ),
]


class AnchorView(Wire, frozen=True):
    """One minute's statement of where every log stands, as a compact JWS; its payload names the anchor before."""

    no: Annotated[int, Meta(ge=1, examples=[17])]
    minute: datetime
    jws: Annotated[
        str,
        Meta(
            pattern=r"^[\w-]+\.[\w-]+\.[\w-]+$(?!\n)",
            description="RFC 7515, EdDSA; `kid` is the RFC 7638 thumbprint of the key.",
            examples=["eyJhbGciOiJFZERTQSJ9.eyJubyI6MTd9.c2lnbmF0dXJl"],
        ),
    ]

    @classmethod
    def of(cls, found: Anchor) -> "AnchorView":
        """Show an anchor."""
        return cls(no=found.no, minute=found.minute, jws=found.jws)


class AnchorKey(Wire, frozen=True):
    """The public key the anchors are signed with, as a JWK."""

    kty: Annotated[str, Meta(examples=["OKP"])]
    crv: Annotated[str, Meta(examples=["Ed25519"])]
    x: Annotated[str, Meta(examples=["11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"])]
    kid: Annotated[str, Meta(examples=["kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"])]
    alg: Annotated[str, Meta(examples=["EdDSA"])]
    use: Annotated[str, Meta(examples=["sig"])]


class AnchorPage(Wire, frozen=True):
    """Anchors in order of their number, and the key of the installation's signatures now."""

    key: AnchorKey
    anchors: list[AnchorView]


async def read(story: Story, after: int | None, limit: int) -> Sequence[Anchor]:
    """Read the anchors after a number, or the newest ones."""
    db = await story()
    return await (anchor.newest(db, limit) if after is None else anchor.following(db, after, limit))


@get(
    "/v1/public/anchors",
    operation_id="listAnchors",
    opt={"scope": "public"},
    tags=["Anchors"],
    summary="Signed heads of every log",
)
async def list_anchors(
    story: NamedDependency[Story], house: NamedDependency[House], after: After = None, limit: Limit = 20
) -> AnchorPage:
    """Show anchors. Keep one, and you can prove what the logs were at its minute."""
    found = await read(story, after, limit)
    return AnchorPage(key=AnchorKey(**house.keys.audit.public_jwk), anchors=[AnchorView.of(each) for each in found])


routes = [list_anchors]
