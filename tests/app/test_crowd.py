"""What many ask at once is asked once, each hears its own answer, and a fault is told to those it met."""

import asyncio
from collections.abc import Sequence

import pytest

from app.crowd import Crowd


class Library:
    """Answers a number by its square, in as many questions as it was given leave for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.busy = asyncio.Event()
        self.leave = asyncio.Event()

    async def answer(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append(list(numbers))
        self.busy.set()
        await self.leave.wait()
        if 13 in numbers:
            raise LookupError(13)
        return [number**2 for number in numbers]


@pytest.mark.asyncio
async def test_who_comes_while_one_question_is_under_way_shares_the_next() -> None:
    library = Library()
    crowd = Crowd(library.answer)

    first = asyncio.create_task(crowd.find(1))
    await library.busy.wait()
    others = [asyncio.create_task(crowd.find(number)) for number in (2, 3, 4)]
    gone = asyncio.create_task(crowd.find(5))
    await asyncio.sleep(0)
    gone.cancel()
    library.leave.set()

    assert await asyncio.gather(first, *others) == [1, 4, 9, 16]
    assert library.asked == [[1], [2, 3, 4, 5]]


@pytest.mark.asyncio
async def test_a_fault_is_told_to_those_it_met_and_the_next_are_asked_about() -> None:
    library = Library()
    library.leave.set()
    crowd = Crowd(library.answer)

    met = await asyncio.gather(crowd.find(13), crowd.find(2), return_exceptions=True)

    assert [type(each) for each in met] == [LookupError, LookupError]
    assert await crowd.find(2) == 4


@pytest.mark.asyncio
async def test_a_thousand_are_asked_in_few_questions() -> None:
    library = Library()
    library.leave.set()
    crowd = Crowd(library.answer)

    answers = await asyncio.gather(*map(crowd.find, range(14, 1014)))

    assert answers == [number**2 for number in range(14, 1014)]
    assert [len(asked) for asked in library.asked] == [256, 256, 256, 232]
