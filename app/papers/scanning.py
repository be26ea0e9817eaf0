"""Files are looked at for malware: at once while somebody sends one, and by the worker where nobody answered.

asks      app/partners/clamd.py      Clamd.scan()
stores    kyc/papers/file.py         add(), scanned()
scans     app/papers/scanning.py     at_once(), step(), and let_in() where no file may wait     <- you are here

At once there is no transaction and the bytes are still open, so nobody's vault is opened for it. What the worker opens
later, the person reads of. A file nobody looked at is of no use to anybody until somebody did.
"""

import asyncio
from datetime import timedelta

import structlog

from app import clock, vault
from app.access import Look, Purpose, Sees
from app.db import transaction
from app.house import House
from app.papers import reporting
from app.partners.clamd import Clamd
from kyc.papers import file, paper
from kyc.papers.file import Clean, Due, Infected, Looked, Unscanned
from kyc.papers.refusal import NotTaken, Why

ACTOR = "service:scanning"
TABLE, COLUMN = "kyc.file", "content"
SIZE_MAX = 4
_LEASE = timedelta(seconds=60)
_BACKOFF_FIRST, _BACKOFF_MAX = timedelta(seconds=2), timedelta(minutes=10)
_DOUBLED_MAX = 12
_AT_ONCE_S = 3.0

_log = structlog.get_logger()


class InfectedFile(NotTaken):
    """The scanner knows what is in the file: nothing of it is kept. `found` is its name for it."""

    def __init__(self, found: str) -> None:
        super().__init__(Why.INFECTED)
        self.found = found


class NotScanned(Exception):
    """The scanner does not answer now: nothing was kept, and the file may be sent again."""


async def at_once(house: House, content: bytes) -> Clean | None:
    """Have what is being sent looked at; None where nobody answers in time. Raises InfectedFile."""
    if house.settings.scanner is None:
        return None
    try:
        async with asyncio.timeout(_AT_ONCE_S):
            looked = await Clamd(house.settings.scanner).scan(content)
    except (Unscanned, TimeoutError) as error:
        _log.warning("file_not_scanned", why=getattr(error, "trouble", "timeout"))
        return None
    if isinstance(looked, Infected):
        _log.warning("file_infected", why=looked.found)
        raise InfectedFile(looked.found)
    return looked


async def let_in(house: House, content: bytes) -> None:
    """Let nothing in that nobody looked at, but where a demo or a test has no scanner.

    Raises InfectedFile, NotScanned.
    """
    if await at_once(house, content) is None and (house.settings.scanner or not house.settings.virtual):
        raise NotScanned


async def step(house: House) -> int:
    """Have the files looked at that nobody has; answers how many were tried."""
    if house.settings.scanner is None:
        return 0
    now = clock.real()
    async with transaction(house.worker) as story:
        due = await file.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    await asyncio.gather(*(_scan(house, each) for each in due))
    return len(due)


async def _scan(house: House, due: Due) -> None:
    assert house.settings.scanner is not None, "step() has looked"
    try:
        content = await _open(house, due)
        looked = await Clamd(house.settings.scanner).scan(content)
    except vault.Erased:  # nobody is left whose file it is
        await _later(house, due)
    except Unscanned as error:
        _log.warning("file_not_scanned", why=error.trouble, attempts=due.tries)
        await _later(house, due)
    else:
        await _settle(house, due, looked)


async def _open(house: House, due: Due) -> bytes:
    why = Look(sees=Sees.EVIDENCE, purpose=Purpose.SCREENING)
    async with transaction(house.worker, actor=ACTOR, operation="scanning") as story:
        keys = await vault.look(await story(), house.keys.kms, due.resident, why)
    return keys.open(due.content, table=TABLE, column=COLUMN, row=due.id)


async def _settle(house: House, due: Due, looked: Looked) -> None:
    """Note what was found; the papers that come in the file are worth something else now."""
    why = Look(sees=Sees.IDENTITY, purpose=Purpose.SCREENING)
    async with transaction(house.worker, actor=ACTOR, operation="scanning") as story:
        db = await story()
        if not await file.scanned(db, due, looked, at=story.now, actor=ACTOR):
            return
        for each in await paper.with_file(db, due.id):
            keys = await vault.look(db, house.keys.kms, due.resident, why)
            await reporting.report(db, keys, each, at=story.now, actor=ACTOR)


async def _later(house: House, due: Due) -> None:
    due_at = clock.real() + min(_BACKOFF_FIRST * (1 << min(due.tries, _DOUBLED_MAX)), _BACKOFF_MAX)
    async with transaction(house.worker) as story:
        await file.later(await story(), due, due_at=due_at)
