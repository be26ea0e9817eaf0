"""What both processors are asked in their tests: the card that is ordered, the money that is tried."""

from tests.processor.worlds import Json, Ours, Theirs

World = Ours | Theirs


async def card(world: World, **more: object) -> Json:
    """Order a card, and look at it."""
    answer = await world.orders(None, **more)
    assert answer.status_code in {201, 202}, answer.text
    found: Json = await world.reads(answer.json())
    return found


async def tries(world: World, used: Json, minor: int = 1_00, **at: str) -> bool:
    """Ask for money."""
    return (await world.pays(used, minor, **at)).approved
