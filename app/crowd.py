"""What many ask in the same moment, asked of the database once.

Who comes while one question is under way is asked about with the next; who is alone waits for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Found = TypeVar("Found")

_SIZE_MAX = 256


class Crowd(Generic[Asked, Found]):
    """One kind of question. `ask` answers many, in their order."""

    def __init__(self, ask: Callable[[Sequence[Asked]], Awaitable[Sequence[Found]]]) -> None:
        self._ask = ask
        self._waiting: deque[tuple[Asked, asyncio.Future[Found]]] = deque()
        self._asking: asyncio.Task[None] | None = None

    async def find(self, asked: Asked) -> Found:
        """Ask for one; raises what `ask` raised for those it was asked with."""
        found: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, found))
        if self._asking is None:
            self._asking = asyncio.create_task(self._run())
        return await found

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._answer([self._waiting.popleft() for _ in range(min(_SIZE_MAX, len(self._waiting)))])
        finally:
            self._asking = None

    async def _answer(self, waiting: Sequence[tuple[Asked, asyncio.Future[Found]]]) -> None:
        try:
            answers = await self._ask([asked for asked, _ in waiting])
        except Exception as error:  # noqa: BLE001  it is told to whoever asked
            for _, found in waiting:
                if not found.done():
                    found.set_exception(error)
            return
        for (_, found), answer in zip(waiting, answers, strict=True):
            if not found.done():  # its caller may have gone
                found.set_result(answer)
