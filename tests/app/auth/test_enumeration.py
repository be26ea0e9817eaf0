"""Nobody learns who is here: known and unknown get the same answer, by the same statements, in the same time."""

import itertools
import math
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import create_engine, event, text

from app.auth import ticket
from app.http import ids
from app.settings import Settings
from simulators.passkey import Passkey
from simulators.phone import Phone
from tests.app.auth.people import house_of, registered
from tests.app.auth.post import post_of

pytestmark = pytest.mark.asyncio

Request = tuple[str, dict[str, object]]
Asking = Callable[..., Awaitable[Request]]

SAMPLES = 1_000
#: What only the requests of these tests look at.
LOOKED_AT = ("app.challenge", "app.contact_subject", "app.invitation")
#: Two samples of one distribution are told apart by chance once in a hundred times.
P_MIN = 0.01


class Stranger:
    """Somebody who wonders who is here, asking from ever other addresses: one alone may not ask so often."""

    def __init__(self, app: Litestar, settings: Settings, known: Phone, address: str) -> None:
        self._app = app
        self._settings = settings
        self._known = known
        self._address = address
        self._addresses = (f"10.{a}.{b}.1" for a, b in itertools.product(range(256), range(256)))

    @asynccontextmanager
    async def phone(self) -> AsyncIterator[Phone]:
        transport = httpx.ASGITransport(cast("Any", self._app), client=(next(self._addresses), 1))
        async with Phone(self._settings.issuer, transport=transport, origin=self._settings.origins[0]) as mine:
            await mine.post("/v1/auth/assertions")  # for the nonce
            yield mine

    async def contact(self, _: Phone, *, known: bool) -> Request:
        return "/v1/auth/recoveries", {"kind": "email", "value": self._address if known else f"not.{self._address}"}

    async def passkey(self, mine: Phone, *, known: bool) -> Request:
        theirs = self._theirs()
        forged = Passkey(theirs.rp_id, theirs.user_handle)
        forged.id = theirs.id if known else forged.id
        return await self._signed(mine, forged)

    async def person(self, mine: Phone, *, known: bool) -> Request:
        theirs = self._theirs()
        return await self._signed(mine, Passkey(theirs.rp_id, theirs.user_handle if known else "A" * 22))

    async def invitation(self, _: Phone, *, known: bool) -> Request:
        assert self._known.tokens is not None
        whose = ids.parse("resident", self._known.tokens.subject) if known else uuid.uuid4()
        return "/v1/auth/registrations", {"invitation": ticket.new(whose).text}

    async def _signed(self, mine: Phone, forged: Passkey) -> Request:
        begun = await mine.post("/v1/auth/assertions")
        credential = forged.sign(begun["options"], self._settings.origins[0])
        return f"/v1/auth/assertions/{begun['id']}", {"credential": credential}

    def _theirs(self) -> Passkey:
        assert self._known.passkey is not None
        return self._known.passkey


ASKED: dict[str, Asking] = {
    "a contact": Stranger.contact,
    "a passkey": Stranger.passkey,
    "a person": Stranger.person,
    "an invitation": Stranger.invitation,
}


@asynccontextmanager
async def stranger(app: Litestar, settings: Settings) -> AsyncIterator[Stranger]:
    """Give a stranger, and somebody who is here for him to wonder about."""
    address = f"{uuid.uuid4()}@example.com"
    async with post_of(house_of(app)) as post, registered(app, settings) as known:
        await known.add_contact("email", address, post.code)
        yield Stranger(app, settings, known, address)


@contextmanager
def statements(app: Litestar) -> Iterator[list[str]]:
    """Collect what the story of a request asks of the database, and not what others ask meanwhile."""
    asked: list[tuple[object, str]] = []

    def note(connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append((connection, statement))

    engine = house_of(app).api.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    mine: list[str] = []
    yield mine
    event.remove(engine, "before_cursor_execute", note)
    story = next(connection for connection, statement in asked if any(name in statement for name in LOOKED_AT))
    mine += [statement for connection, statement in asked if connection is story]


def shown(answer: httpx.Response) -> tuple[int, object, list[str]]:
    """Give what a caller sees of an answer but for what is new in each."""
    body = answer.json()
    for name in ("trace_id", "id", "expires_at"):
        body.pop(name, None)
    return answer.status_code, body, sorted(name for name in answer.headers if name != "retry-after")


@pytest.mark.parametrize("asking", ASKED.values(), ids=ASKED)
async def test_known_and_unknown_get_one_answer_by_the_same_statements(
    app: Litestar, settings: Settings, asking: Asking
) -> None:
    async with stranger(app, settings) as curious:
        found = []
        for known in (True, False, True):
            async with curious.phone() as mine:
                path, body = await asking(curious, mine, known=known)
                with statements(app) as asked:
                    answer = await mine.call("POST", path, body=body)
                found.append((shown(answer), list(asked)))

    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) >= 2


def told_apart(one: Sequence[float], two: Sequence[float]) -> float:
    """Give the probability that two samples of one distribution differ so much (Kolmogorov and Smirnov)."""
    points = sorted([*((value, 1 / len(one), 0.0) for value in one), *((value, 0.0, 1 / len(two)) for value in two)])
    apart = share_one = share_two = 0.0
    for _, step_one, step_two in points:
        share_one, share_two = share_one + step_one, share_two + step_two
        apart = max(apart, abs(share_one - share_two))
    size = math.sqrt(len(one) * len(two) / (len(one) + len(two)))
    scaled = (size + 0.12 + 0.11 / size) * apart
    tail = 2 * sum((-1) ** (nth - 1) * math.exp(-2 * (nth * scaled) ** 2) for nth in range(1, 101))
    return min(1.0, max(0.0, tail)) if scaled > 0.2 else 1.0


async def test_the_statistic_knows_alike_from_shifted() -> None:
    dice = random.Random(7)
    one, two = ([dice.gauss(5, 1) for _ in range(SAMPLES)] for _ in range(2))

    assert told_apart(one, two) > P_MIN
    assert told_apart(one, [value + 0.2 for value in two]) < P_MIN


async def timings(curious: Stranger, asking: Asking, samples: int) -> tuple[list[float], list[float]]:
    """Time answers for known and unknown, in random turns, so that whatever else goes on goes on for both."""
    dice = random.Random(1242)
    turns = [True] * samples + [False] * samples
    dice.shuffle(turns)
    took: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(0, len(turns), 4):
        async with curious.phone() as mine:
            for known in turns[turn : turn + 4]:
                path, body = await asking(curious, mine, known=known)
                started = time.perf_counter()
                await mine.call("POST", path, body=body)
                took[known].append(time.perf_counter() - started)
    return took[True], took[False]


@pytest.mark.nightly
@pytest.mark.parametrize("asking", ASKED.values(), ids=ASKED)
async def test_known_and_unknown_take_the_same_time(app: Litestar, settings: Settings, asking: Asking) -> None:
    async with stranger(app, settings) as curious:
        known, unknown = await timings(curious, asking, SAMPLES)

    assert told_apart(known, unknown) > P_MIN


@pytest.mark.nightly
async def test_a_lookup_more_for_the_known_alone_is_noticed(
    app: Litestar, settings: Settings, module_database: str
) -> None:
    owner = create_engine(module_database)
    with owner.begin() as connection:
        sound = connection.scalar(text("SELECT pg_get_functiondef('app.contact_subject'::regproc)"))
        connection.execute(text(DEFECT))
    try:
        async with stranger(app, settings) as curious:
            known, unknown = await timings(curious, Stranger.contact, SAMPLES)
    finally:
        with owner.begin() as connection:
            connection.execute(text(sound))
        owner.dispose()

    assert told_apart(known, unknown) < P_MIN


#: As revision 0010 has it, but that it reads a table through as well, where there is somebody: a millisecond or two.
DEFECT = """
CREATE OR REPLACE FUNCTION app.contact_subject(asked bytea) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET app.audience = 'service' AS $$
DECLARE found uuid;
BEGIN
    SELECT contact.subject INTO found FROM app.contact WHERE contact.blind = asked AND verified_at IS NOT NULL;
    IF found IS NOT NULL THEN
        PERFORM count(*) FROM pg_attribute, generate_series(1, 5);
    END IF;
    RETURN coalesce(found, gen_random_uuid());
END $$
"""
