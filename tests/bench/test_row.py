"""A goal that is missed is called missed, whatever the numbers around it."""

import pytest

from bench.row import Goal, per_second, row


@pytest.mark.parametrize(
    ("goal", "value", "peer", "met"),
    [
        (Goal(ratio_min=0.5), 50.0, 100.0, True),
        (Goal(ratio_min=0.5), 49.9, 100.0, False),
        (Goal(ratio_max=2.0), 200.0, 100.0, True),
        (Goal(ratio_max=2.0), 200.1, 100.0, False),
        (Goal(value_min=10.0), 10.0, 100.0, True),
        (Goal(value_max=10.0), 10.1, 100.0, False),
    ],
)
def test_a_row_says_whether_its_goal_is_met(goal: Goal, value: float, peer: float, met: bool) -> None:
    found = row("moves", value, "1/s", peer=("a peer", peer), goal=goal)

    assert found.met is met
    assert found.ratio == value / peer


def test_a_ratio_without_a_peer_is_never_met() -> None:
    assert row("moves", 50.0, "1/s", goal=Goal(ratio_min=0.1)).met is False


def test_a_row_without_a_goal_claims_nothing() -> None:
    assert row("moves", 50.0, "1/s", peer=("a peer", 100.0)).met is None


@pytest.mark.asyncio
async def test_a_failed_act_fails_the_measurement() -> None:
    async def refused() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await per_second(refused, times=2, rounds=1, at_once=2)


@pytest.mark.asyncio
async def test_every_round_acts_as_often_as_asked() -> None:
    acted: list[int] = []

    async def act() -> None:
        acted.append(1)

    assert await per_second(act, times=10, rounds=2, at_once=5) > 0
    assert len(acted) == 30  # the first round warms up
