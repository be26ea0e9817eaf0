"""Somebody hands in a foreign issuer's status list: verifiers that have it, officers that were sent it.

path   POST /v1/status-list-tokens, POST /v1/officer/status-list-tokens
         ->  residency/credential/presenting/foreign_lists.py   bring()
"""

from datetime import datetime
from typing import Annotated

from litestar import post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody
from msgspec import Meta

from app import clock
from app.credentials import trusted
from app.db import Story
from app.house import House
from app.http import ids
from app.http.wire import Wire
from residency.credential import jws
from residency.credential.presenting import foreign_lists
from residency.credential.presenting.foreign_lists import Brought, NotBelieved


class BringStatusList(Wire, frozen=True):
    """A list of a foreign issuer as it was published: of statuses, or of the signers that its root revoked."""

    token: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=900_000,
            pattern=r"^[A-Za-z0-9_.-]+$(?!\n)",
            description="A JWT; or in base64url a CWT, or a list of revoked signers (X.509 CRL, DER).",
            examples=["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJodHRwczovL2lkLmV4YW1wbGUvMSJ9.c2ln"],
        ),
    ]


class StatusListView(Wire, frozen=True, kw_only=True):
    """A list that is known from now on, until the token ends."""

    issuer: Annotated[str, Meta(examples=["foreign_issuer_06AVZR0TKB7Z8M2Q3R4S5T6V7W"])]
    uri: Annotated[str, Meta(examples=["https://id.example/status/1"])]
    signed_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, found: Brought) -> "StatusListView":
        """Show a list."""
        return cls(
            issuer=ids.show("foreign_issuer", found.issuer),
            uri=found.uri,
            signed_at=found.signed_at,
            expires_at=found.expires_at,
        )


class StatusListsView(Wire, frozen=True):
    """The token, once for every issuer of the trust list under whom it is signed."""

    lists: list[StatusListView]


def route(path: str, *, scope: str, operation: str, tags: list[str]) -> HTTPRouteHandler:
    """Make the operation for who holds `scope`."""

    @post(
        path,
        operation_id=operation,
        opt={"scope": scope},
        tags=tags,
        summary="Hand in a foreign issuer's list",
        status_code=200,
    )
    async def bring(
        data: JSONBody[BringStatusList], story: NamedDependency[Story], house: NamedDependency[House]
    ) -> StatusListsView:
        """Let verdicts go by a list that we can't, or must not, ask for ourselves.

        The token proves itself, so it does not matter who brings it, nor how often; one that is older than what we have
        changes nothing.
        """
        db, now = await story(), clock.real()
        trust = await trusted.today(db, house.credentials.authority, law_at=story.now, now=now)
        foreign = [each for each in trust.anchors if each.id is not None]
        brought = await foreign_lists.bring(db, _token(data.token), foreign, at=now)
        return StatusListsView([*map(StatusListView.of, brought)])

    return bring


def _token(text: str) -> bytes:
    if "." in text:
        return text.encode()
    try:
        return jws.unb64(text)
    except jws.Unreadable as error:
        raise NotBelieved("unreadable_list") from error
