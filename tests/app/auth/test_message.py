"""Messages leave by the worker: once each, in order, until it is too late; nobody gets what is nobody's."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import create_engine, text

from app import clock, db, ids
from app.auth import message
from app.auth.message import Address
from app.auth.subject import Subject, register
from app.house import House
from app.language import Language
from app.partners import messenger
from simulators.messages import Sent

pytestmark = pytest.mark.asyncio

ADDRESS = "http://127.0.0.1:9105"
ANNA = Address("email", "anna@example.com", Language.EN)


class Gateway:
    """A gateway that answers as it is told to, one answer for each request, the last for all others."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:
            raise httpx.ConnectError("nobody listens", request=request)
        return httpx.Response(status)

    def told(self) -> list[Sent]:
        return [msgspec.json.decode(request.content, type=Sent) for request in self.asked]


def at_gateway(house: House, gateway: Callable[[httpx.Request], httpx.Response], **told: Any) -> House:  # noqa: ANN401  settings
    http = httpx.AsyncClient(transport=httpx.MockTransport(gateway))
    settings = msgspec.structs.replace(house.settings, messages_url=ADDRESS, **told)
    return msgspec.structs.replace(house, http=http, settings=settings)


async def written(house: House, *notices: message.Notice, known: bool = True, to: Address = ANNA) -> UUID:
    """Write notices to somebody who exists, or to nobody; gives whom."""
    who, now = Subject(ids.new(), "resident", ""), clock.real()
    async with db.transaction(house.api, holder=who.id, audience="resident") as story:
        connection = await story()
        if known:
            await register(connection, who, now)
        for notice in notices:
            await message.notify(connection, house.keys.kms, notice, [to], subject=who.id, now=now)
    return who.id


async def states(house: House, who: UUID) -> list[tuple[str, int]]:
    async with db.transaction(house.worker) as story:
        mine = text("SELECT state, attempts FROM app.message WHERE subject = :who ORDER BY id")
        rows = await (await story()).execute(mine, {"who": who})
        return [(row.state, row.attempts) for row in rows]


async def due_again(house: House) -> None:
    async with db.transaction(house.worker) as story:
        await (await story()).execute(text("UPDATE app.message SET due_at = now() WHERE due_at IS NOT NULL"))


async def test_a_message_is_delivered_once_under_its_own_id(house: House) -> None:
    gateway = Gateway(202)
    sending = at_gateway(house, gateway, messages_token="a word")
    who = await written(house, "recovered")

    assert await messenger.step(sending) == 1
    assert await messenger.step(sending) == 0

    [request], [told] = gateway.asked, gateway.told()
    assert (told.kind, told.to, told.title) == ("email", "anna@example.com", "Your account was recovered")
    assert request.headers["idempotency-key"] == told.id
    assert request.headers["authorization"] == "Bearer a word"
    assert await states(house, who) == [("delivered", 1)]


@pytest.mark.parametrize("trouble", [0, 500, 503, 429, 408, 401])
async def test_what_was_not_taken_is_sent_again_under_the_same_id(house: House, trouble: int) -> None:
    gateway = Gateway(trouble, 202)
    sending = at_gateway(house, gateway)
    who = await written(house, "recovered")

    await messenger.step(sending)
    assert await states(house, who) == [("waiting", 1)]
    assert await messenger.step(sending) == 0, "not at once"
    await due_again(house)
    await messenger.step(sending)

    assert await states(house, who) == [("delivered", 2)]
    assert len({request.headers["idempotency-key"] for request in gateway.asked}) == 1


async def test_what_the_gateway_refuses_for_good_is_not_insisted_on(house: House) -> None:
    gateway = Gateway(422)
    sending = at_gateway(house, gateway)
    who = await written(house, "recovered")

    await messenger.step(sending)
    await due_again(house)

    assert await messenger.step(sending) == 0
    assert await states(house, who) == [("refused", 1)]


async def test_to_whom_does_not_exist_nothing_is_sent(house: House) -> None:
    gateway = Gateway(202)
    who = await written(house, "recovered", known=False)

    await messenger.step(at_gateway(house, gateway))

    assert gateway.asked == []
    assert await states(house, who) == [("nobody", 1)]


async def test_one_person_gets_them_in_the_order_they_were_written(house: House) -> None:
    gateway = Gateway(202)
    await written(house, "device_added", "contact_added", "device_removed")

    await messenger.step(at_gateway(house, gateway))

    titles = [each.title for each in gateway.told()]
    assert titles == ["A device was added", "A contact was added", "A device was removed"]


async def test_what_has_lost_its_use_is_not_sent(house: House, module_database: str) -> None:
    gateway = Gateway(202)
    await written(house, "recovered")
    owner = create_engine(module_database)
    with owner.begin() as connection:
        connection.execute(text("UPDATE app.message SET expires_at = now()"))
    owner.dispose()

    assert await messenger.step(at_gateway(house, gateway)) == 0
    assert gateway.asked == []


async def test_where_no_gateway_is_named_messages_wait(house: House) -> None:
    who = await written(house, "recovered")

    assert await messenger.step(house) == 0
    assert await states(house, who) == [("waiting", 0)]
    await messenger.step(at_gateway(house, Gateway(202)))
    assert await states(house, who) == [("delivered", 1)]


@pytest.mark.parametrize("template", message.texts())
async def test_every_message_speaks_three_languages_and_names_nobody(template: str) -> None:
    texts = message.texts()[template]

    assert set(texts) == set(Language)
    for title, said in texts.values():
        filled = said.format(code="12345678", request="7PSK")
        assert "{" not in title + filled
        assert ("12345678" in filled) is template.endswith("_code")
        assert "http" not in filled
