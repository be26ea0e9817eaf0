"""Somebody with a card who bought something, a network that believes us and is believed, and what they say."""

import base64
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from app import db, ids
from app.cards import dispute_errands, disputing
from app.house import House
from app.http import ids as public
from app.idempotency_key import Stored
from app.money import claim
from app.partners import demo
from app.partners.enrolment import Wanted
from app.partners.registry import Kind
from app.seed import Seeded
from cards.disputes import acting
from cards.disputes.acting import Doing
from cards.disputes.life import Act
from cards.disputes.reason import REVIEWED_ABOVE
from cards.payments.message import Clearing
from cards.payments.payment import Merchant, PaymentId
from simulators.chargebacks import Case, Chargebacks, build
from simulators.portrait import grey_jpeg
from simulators.settlement_file import Line
from simulators.standard_webhooks import Signer
from tests.app.people import keyed, residents
from tests.cards.settlement import files
from tests.partners import outside
from tests.wallet.ledgers import kzt

__all__ = ["Case"]

_shots = itertools.count(1)
Json = dict[str, Any]


class Desk(msgspec.Struct, frozen=True):
    """The network's dispute desk, and our process as it would be with it at the other end of its line."""

    name: str
    network: Chargebacks
    house: House

    async def works(self, rounds: int = 3) -> None:
        """Let us tell, merchants answer, and the network tell, until nobody has anything to say."""
        for _ in range(rounds):
            found = await dispute_errands.step(self.house) + await disputing.step(self.house)
            self.network.answer_merchants()
            if not found and not await self.network.send():
                return


@contextlib.asynccontextmanager
async def desk(app: Litestar, folder: Path, *, seed: int = 1) -> AsyncIterator[Desk]:
    """Run a dispute desk of a network that is enrolled with `app`."""
    house: House = app.state.house
    name = f"net-{ids.new().hex[-12:]}"
    signer = Signer(folder / "network.key")
    base = "http://127.0.0.1:9103"
    wanted = Wanted(code=name, name=name, kind=Kind.NETWORK, base_url=base, key=signer.public, events_url=None)
    async with db.transaction(house.worker) as story:
        await demo.enrol(house, story, wanted)
    async with outside.client(app, house.settings.issuer) as api:
        played = Chargebacks(name, api, signer, seed=seed)
        async with outside.client(build(played), base) as line:
            yield Desk(name, played, msgspec.structs.replace(house, http=line))


async def bought(app: Litestar, client: httpx.AsyncClient, network: str, tenge: int) -> tuple[Seeded, str]:
    """Let a newcomer pay `tenge` with a new card; gives who, and the payment."""
    [me] = await residents(app, 1, start=int(str(ids.new().int)[-6:]))
    notice = (await client.get("/v1/cards/notice", headers=keyed(me.access_token))).json()["version"]
    ordered = await client.post("/v1/cards", json={"accepted_notice": notice}, headers=keyed(me.access_token))
    assert ordered.status_code == 201, ordered.text
    return me, await pays(app.state.house, ordered.json()["id"], network, tenge)


async def pays(house: House, card: str, network: str, tenge: int, category: str = "5942") -> str:
    """Let a card pay; gives the payment."""
    taken = Clearing(
        network=network,
        lifecycle=f"L-{ids.new().hex}",
        element="clearing-1",
        lane=1,
        card=public.parse("card", card),
        payment=PaymentId(ids.new()),
        amount=kzt(tenge),
        merchant=Merchant(name="Dostyk Books", id="M-1001", category=category, country="KZ"),
    )
    named = claim("test", str(ids.new()), None)
    await house.money.submit(house.till.book, [taken], lanes=[1], claim=named, render=lambda _: Stored(200, b"null"))
    return public.show("payment", taken.payment)


async def opened(client: httpx.AsyncClient, me: Seeded, payment: str, tenge: int, reason: str, **more: object) -> Json:
    """Begin a dispute."""
    body = {"reason": reason, "amount_minor": tenge * 100, **more}
    answer = await client.post(f"/v1/card-payments/{payment}/disputes", json=body, headers=keyed(me.access_token))
    assert answer.status_code == 201, answer.text
    found: Json = answer.json()
    return found


async def shows(
    client: httpx.AsyncClient, me: Seeded, dispute: str, kind: str, content: bytes | None = None
) -> httpx.Response:
    """Hand in a file: a picture like no other, unless one is given."""
    made = picture() if content is None else content
    body = {"kind": kind, "content": base64.b64encode(made).decode()}
    return await client.post(f"/v1/disputes/{dispute}/evidence", json=body, headers=keyed(me.access_token))


async def does(client: httpx.AsyncClient, me: Seeded, dispute: str, what: str) -> httpx.Response:
    """Hand a dispute in, or withdraw it."""
    return await client.post(f"/v1/disputes/{dispute}/{what}", headers=keyed(me.access_token))


async def seen(client: httpx.AsyncClient, me: Seeded, dispute: str) -> Json:
    """Look at a dispute."""
    answer = await client.get(f"/v1/disputes/{dispute}", headers=keyed(me.access_token))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def lives(house: House, client: httpx.AsyncClient, me: Seeded, card: str) -> None:
    """Let somebody pay and dispute it, with a file; we were late with it, so that somebody has to bear the loss."""
    seen_first = REVIEWED_ABOVE.minor // 100 + 1
    payment = await pays(house, card, "mspk", seen_first)
    fraud = await opened(client, me, payment, seen_first, "fraud_card_absent", words="It was not me.")
    await shows(client, me, fraud["id"], "declaration")
    await does(client, me, fraud["id"], "submission")
    late = Doing(dispute=public.parse("dispute", fraud["id"]), act=Act.LAPSE, actor="system")
    named = claim("test", str(ids.new()), None)
    await house.money.submit(acting.act, [late], lanes=[1], claim=named, render=lambda _: Stored(200, b"null"))


async def breaks(app: Litestar, folder: Path) -> str:
    """Let a network settle what nobody heard of; gives the break."""
    network = await files.enrolled(app, Signer(folder / "network.key"), folder / "inbox")
    [found] = await network.takes([Line(kind="chargeback", lifecycle="X-1", element="CB-1", amount_minor=1_00)])
    return public.show("settlement_break", found.id)


def picture() -> bytes:
    """Take a picture like no other."""
    return grey_jpeg(400, 400 + next(_shots))
