"""Builders for tests of settlement: a network, what it cleared, its files, and what became of them."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.cards import settling
from app.house import House
from app.partners import demo
from app.partners.enrolment import Wanted
from app.partners.registry import Kind
from cards.card import Card
from cards.payments import message
from cards.payments.payment import PaymentId
from cards.proofs import pan
from cards.settlement import breaks
from cards.settlement.breaks import Break
from law.money import KZT
from law.money import Money as Amount
from simulators import settlement_file
from simulators.settlement_file import Day, Line
from simulators.standard_webhooks import Signer
from tests.cards import made
from tests.conftest import Engines
from tests.wallet.ledgers import kzt


class Network(msgspec.Struct):
    """A network of a test's own: nothing of others is in its files, or missing from them."""

    name: str
    signer: Signer
    folder: Path
    house: House
    sequence: int = 0

    @property
    def engines(self) -> Engines:
        return Engines(self.house.api, self.house.posting, self.house.worker, self.house.report)

    async def number(self, card: Card) -> str:
        """Read the number of a card, as only its holder may."""
        async with db.transaction(self.house.api, holder=card.holder, audience="resident") as story:
            kept = await pan.read(await story(), made.KEYS, card.id)
        assert kept is not None
        return kept.number.digits

    async def clears(self, card: Card, *tenge: int) -> list[Line]:
        """Take money from a card, each amount as a purchase of its own; gives what the network will settle."""
        lines = [_line(amount) for amount in tenge]
        asked = [
            message.Clearing(**_said(self.name, card, each), interchange=kzt(each.interchange_minor // 100))
            for each in lines
        ]
        await made.tell(self.house.money, *asked)
        return lines

    async def takes_at_once(self, card: Card, tenge: int, *, back: int = 0) -> list[Line]:
        """Ask and take with one message, and give `back` of it up; gives the purchase and its return as two lines."""
        line = _line(tenge)
        fields = _said(self.name, card, line)
        asked = [message.Authorization(**fields, single=True)]
        if back:
            gives_up = {**fields, "element": "reversal-1", "amount": kzt(back)}
            await made.tell(self.house.money, *asked, message.Reversal(**gives_up))
        else:
            await made.tell(self.house.money, *asked)
        line = msgspec.structs.replace(line, interchange_minor=0)
        returned = msgspec.structs.replace(line, kind="refund", element="reversal-1", amount_minor=back * 100)
        return [line, returned] if back else [line]

    async def takes_back(self, card: Card, line: Line) -> None:
        """Take back all of what was taken or sent under the name of a line."""
        fields = _said(self.name, card, line) | {"element": "reversal-1", "subject": line.element}
        await made.tell(self.house.money, message.Reversal(**fields))

    async def takes_by(self, card: Card, tenge: int, mti: str) -> Line:
        """Take money at once: by the message that asks for it, or by the advice of that."""
        line = msgspec.structs.replace(_line(tenge), interchange_minor=0)
        fields = _said(self.name, card, line) | {"element": f"{mti}/20261122090000/000123"}
        if mti == "0200":
            await made.tell(self.house.money, message.Authorization(**fields, single=True))
        else:
            await made.tell(self.house.money, message.Clearing(**fields, subject="0200/20261122090000/000123"))
        return line

    async def asks(self, card: Card, tenge: int) -> Line:
        """Ask, and take nothing yet; gives a line that settles it under the name of the question."""
        line = _line(tenge)
        await made.tell(self.house.money, message.Authorization(**_said(self.name, card, line)))
        return line

    async def refunds(self, card: Card, *tenge: int) -> list[Line]:
        """Send money back to a card, each amount by itself."""
        lines = [msgspec.structs.replace(_line(amount), kind="refund", interchange_minor=0) for amount in tenge]
        await made.tell(self.house.money, *(message.Refund(**_said(self.name, card, each)) for each in lines))
        return lines

    def put(self, lines: Iterable[Line], *, sequence: int | None = None, **day: Any) -> Path:  # noqa: ANN401  a Day's
        """Put the next file into the folder; its cut-off is after everything that happened."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        now = clock.real() + timedelta(seconds=2)
        fields = {"business_date": now.date(), "cutoff_at": now, **day}
        about = Day(network=self.name, sequence=self.sequence, **fields)
        return self.write(settlement_file.write(about, lines, self.signer), f"{self.sequence:06d}")

    def write(self, content: bytes, name: str) -> Path:
        """Put bytes into the folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}{settlement_file.SUFFIX}"
        path.write_bytes(content)
        return path

    async def takes(self, lines: Iterable[Line], **day: Any) -> list[Break]:  # noqa: ANN401  a Day's
        """Hand in a file and let it be settled; gives the breaks there are then, resolved or not."""
        self.put(lines, **day)
        await self.works()
        return await self.breaks()

    async def works(self, rounds: int = 4) -> None:
        """Let the worker do all it can."""
        for _ in range(rounds):
            if not await settling.step(self.house):
                return

    async def breaks(self) -> list[Break]:
        """List the breaks of this network, the oldest first."""
        async with db.transaction(self.house.worker) as story:
            connection = await story()
            found = [
                *await breaks.page(connection, kind=None, resolved=False, after=None, limit=1_000),
                *await breaks.page(connection, kind=None, resolved=True, after=None, limit=1_000),
            ]
        return sorted((each for each in found if each.network == self.name), key=lambda each: each.id)

    async def rows(self, query: str, **values: object) -> Sequence[Any]:
        """Read rows; `:network` is this one."""
        async with self.house.report.connect() as connection:
            return (await connection.execute(text(query), {"network": self.name, **values})).all()

    async def balance(self, purpose: str) -> int:
        """Say what the operator's account for this network stands at, in minor units."""
        query = (
            "SELECT coalesce(sum(posted), 0)::bigint AS minor FROM wallet.account"
            " WHERE holder IS NULL AND purpose = :purpose AND label = :network"
        )
        return int((await self.rows(query, purpose=purpose))[0].minor)

    async def states(self) -> list[str]:
        """List the states of its files, the first one first."""
        query = "SELECT state FROM cards.settlement_file WHERE network = :network ORDER BY sequence"
        return [row.state for row in await self.rows(query)]

    async def refused(self) -> list[tuple[int | None, str]]:
        """List the refusals: in which line, and why."""
        query = "SELECT line, why FROM cards.settlement_refusal WHERE network = :network OR network IS NULL ORDER BY at"
        return [(row.line, row.why) for row in await self.rows(query)]


async def enrolled(app: Litestar, signer: Signer, folder: Path, *, name: str = "net") -> Network:
    """Enrol a network under a name of its own, which begins with `name`."""
    house: House = app.state.house
    name = f"{name}-{ids.new().hex[-12:]}"
    wanted = Wanted(code=name, name=name, kind=Kind.NETWORK, base_url=None, key=signer.public, events_url=None)
    async with db.transaction(house.worker) as story:
        await demo.enrol(house, story, wanted)
    settings = msgspec.structs.replace(house.settings, settlement_folder=folder)
    keys = msgspec.structs.replace(house.keys, kms=made.KEYS)  # those the cards of tests are found by
    return Network(name, signer, folder, msgspec.structs.replace(house, settings=settings, keys=keys))


def _line(tenge: int) -> Line:
    return Line(
        lifecycle=f"L-{ids.new().hex}",
        element="clearing-1",
        amount_minor=tenge * 100,
        interchange_minor=tenge,
        fee_minor=10,
    )


def _said(network: str, card: Card | None, line: Line) -> Any:  # noqa: ANN401  the fields of a message
    return {
        "network": network,
        "lifecycle": line.lifecycle,
        "element": line.element,
        "lane": 1,
        "card": card.id if card else None,
        "payment": PaymentId(ids.new()),
        "amount": Amount(line.amount_minor, KZT),
        "merchant": made.SHOP,
    }
