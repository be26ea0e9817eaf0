"""Foreign issuers' lists are asked for: the adapter of the port, and the step of the worker that goes by it.

takes      residency/credential/presenting/foreign_lists.py    claim()
asks       app/partners/status_lists.py                        Lists.fetch()
hears      app/partners/status_lists.py                        step()      <- you are here

Nobody is asked while a transaction is open, and nothing that is sent says whose document named the list.
"""

import asyncio
from datetime import timedelta

import structlog

from app import clock
from app.db import transaction
from app.house import House
from app.partners import destination, line
from law import calendar
from residency.credential import status_cwt, status_list
from residency.credential.check import NotVerified
from residency.credential.presenting import foreign_crl, foreign_lists, issuers
from residency.credential.presenting.foreign_lists import Errand, Source, Unanswered

TIMEOUT_S = 10.0
SIZE_MAX = 20
_LEASE = timedelta(minutes=1)
_KINDS = frozenset({status_list.MEDIA_TYPE, status_cwt.MEDIA_TYPE, foreign_crl.MEDIA_TYPE})
_ACCEPT = f"{status_list.MEDIA_TYPE}, {status_cwt.MEDIA_TYPE};q=0.9, {foreign_crl.MEDIA_TYPE};q=0.9"

_log = structlog.get_logger()


class Lists:
    """Fetches a list from where its issuer keeps it."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def fetch(self, uri: str) -> bytes:
        """Give the token at `uri`; raises Unanswered."""
        try:
            destination.check(uri, local=self._house.settings.virtual)
            answer = await line.ask(
                self._house.http,
                "GET",
                uri,
                within_s=TIMEOUT_S,
                bytes_max=foreign_lists.TOKEN_BYTES_MAX,
                kinds=_KINDS,
                headers={"Accept": _ACCEPT},
            )
        except destination.Forbidden as error:
            raise Unanswered(f"not an address that is asked: {error.reason}") from error
        except line.Unanswered as error:
            raise Unanswered(error.trouble) from error
        if not answer.is_success:
            raise Unanswered(f"answered {answer.status}")
        return answer.body


async def step(house: House) -> int:
    """Ask for the lists that are due; answers how many were taken."""
    now = clock.real()
    async with transaction(house.worker) as story:
        taken = await foreign_lists.claim(await story(), now=now, until=now + _LEASE, limit=SIZE_MAX)
    source = Lists(house)
    await asyncio.gather(*(_bring(house, source, each) for each in taken))
    return len(taken)


async def _bring(house: House, source: Source, errand: Errand) -> None:
    try:
        token = await source.fetch(errand.uri)
        async with transaction(house.worker) as story:
            db = await story()
            believed = await issuers.anchors(db, calendar.statutory_date(story.now))
            issuer = next((each for each in believed if each.id == errand.issuer), None)
            if issuer is None:
                await foreign_lists.rest(db, errand)
                return
            await foreign_lists.heard(db, errand, token, issuer, at=clock.real())
    except Unanswered as error:
        await _later(house, errand, error.trouble)
    except NotVerified as error:
        await _later(house, errand, f"not believed: {error.reason}")
    except Exception as error:  # noqa: BLE001  a fault with one must not stop the others, nor have it asked each minute
        _log.error("status_list_failed", source=str(errand.issuer), error=type(error).__name__, exc_info=error)
        await _later(house, errand, "a fault of ours")


async def _later(house: House, errand: Errand, trouble: str) -> None:
    _log.warning("status_list_not_brought", source=str(errand.issuer), why=trouble)
    async with transaction(house.worker) as story:
        await foreign_lists.later(await story(), errand, trouble=trouble, at=clock.real())
