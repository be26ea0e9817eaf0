"""What every card processor does, ours and Stripe's: the port of cards/processor.py, behaviour by behaviour."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy.exc import OperationalError

from app import clock, db, ids
from cards.card import Closing, Form, Limits
from cards.permission import Choice, Controls
from cards.processor import (
    CardProcessor,
    Claim,
    Device,
    Done,
    Grounds,
    Issued,
    NewCard,
    Permits,
    Refused,
    Session,
    Shown,
    Status,
    Successor,
    Unknown,
    Why,
)
from law.money import CNY, Money
from tests.processor.worlds import World, card

pytestmark = pytest.mark.asyncio


def key() -> str:
    return str(ids.new())


# -- once --------------------------------------------------------------------------------------------------------------


async def test_the_same_key_is_the_same_card(world: World) -> None:
    holder = await world.somebody()
    known = await world.processor.create_cardholder(holder, "known")
    assert isinstance(known, Done)
    asked = NewCard(id=ids.new(), cardholder=known.reference, form=Form.VIRTUAL, currency=world.currency)
    named = key()

    first = await world.processor.issue_card(asked, named)
    again = await world.processor.issue_card(asked, named)

    assert isinstance(first, Issued)
    assert first == again
    assert first.status is Status.ACTIVE


async def test_a_key_with_other_content_is_refused_and_changes_nothing(world: World) -> None:
    holder = await world.somebody()
    issued = await card(world, holder)
    named = key()
    assert isinstance(await world.processor.set_status(issued.reference, Status.INACTIVE, named), Done)

    other = await world.processor.set_status(issued.reference, Status.CLOSED, named)

    assert isinstance(other, Refused)
    assert other.why is Why.KEY_REUSED
    assert isinstance(await world.processor.set_status(issued.reference, Status.ACTIVE, key()), Done)


async def test_a_refusal_is_the_answer_to_every_repeat(world: World) -> None:
    named, nothing = key(), str(ids.new())

    answers = [await world.processor.set_status(nothing, Status.ACTIVE, named) for _ in range(2)]

    assert answers[0] == answers[1]
    assert isinstance(answers[0], Refused)


# -- what there is not -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["activate", "set_status", "set_controls", "set_pin", "reveal_session", "replace"])
async def test_what_is_asked_of_a_card_that_is_not_there_is_refused(world: World, verb: str) -> None:
    more: dict[str, tuple[Any, ...]] = {
        "set_status": (Status.ACTIVE,),
        "set_controls": (Permits(),),
        "set_pin": (Shown("sealed"),),
        "reveal_session": (await world.device(),),
        "replace": (Successor(id=ids.new(), why=Closing.LOST),),
    }

    answer = await getattr(world.processor, verb)(str(ids.new()), *more.get(verb, ()), key())

    assert isinstance(answer, Refused)
    assert answer.why is Why.UNKNOWN_REFERENCE


async def test_a_card_in_a_currency_that_is_not_offered_is_refused(world: World) -> None:
    holder = await world.somebody()
    known = await world.processor.create_cardholder(holder, key())
    assert isinstance(known, Done)

    answer = await world.processor.issue_card(
        NewCard(id=ids.new(), cardholder=known.reference, form=Form.VIRTUAL, currency=CNY), key()
    )

    assert isinstance(answer, Refused)


async def test_what_changed_about_somebody_is_told(world: World) -> None:
    holder = await world.somebody()
    known = await world.processor.create_cardholder(holder, key())
    assert isinstance(known, Done)

    moved = msgspec.structs.replace(holder, phone="+4930654321")

    assert await world.processor.update_cardholder(known.reference, moved, key()) == known


# -- the life of a card ------------------------------------------------------------------------------------------------


async def test_a_card_pays_while_it_may_be_used_and_never_again_once_it_is_closed(world: World) -> None:
    issued = await card(world, await world.somebody())

    async def after(status: Status) -> bool:
        assert isinstance(await world.processor.set_status(issued.reference, status, key()), Done)
        return (await world.pays(issued, 1_00)).approved

    assert (await world.pays(issued, 1_00)).approved
    assert [await after(status) for status in (Status.INACTIVE, Status.ACTIVE, Status.CLOSED)] == [False, True, False]
    back = await world.processor.set_status(issued.reference, Status.ACTIVE, key())
    assert isinstance(back, Refused)
    assert not (await world.pays(issued, 1_00)).approved


async def test_a_card_that_is_stopped_already_is_stopped(world: World) -> None:
    issued = await card(world, await world.somebody())

    stopped = [await world.processor.set_status(issued.reference, Status.INACTIVE, key()) for _ in range(2)]

    assert [type(answer) for answer in stopped] == [Done, Done]


@pytest.mark.parametrize("why", [Closing.LOST, Closing.DAMAGED])
async def test_a_card_is_replaced_by_one_with_another_number(world: World, why: Closing) -> None:
    issued = await card(world, await world.somebody())
    named, asked = key(), Successor(id=ids.new(), why=why)

    heir = await world.processor.replace(issued.reference, asked, named)
    again = await world.processor.replace(issued.reference, asked, named)

    assert isinstance(heir, Issued)
    assert heir == again
    assert heir.reference != issued.reference
    assert not (await world.pays(issued, 1_00)).approved, "its successor can be used at once"


async def test_a_card_that_somebody_is_just_tired_of_is_not_replaced(world: World) -> None:
    issued = await card(world, await world.somebody())

    answer = await world.processor.replace(issued.reference, Successor(id=ids.new(), why=Closing.USER), key())

    assert isinstance(answer, Refused)
    assert answer.why is Why.NOT_OFFERED


async def test_what_a_card_may_do_can_be_said_anew(world: World) -> None:
    issued = await card(world, await world.somebody(), Permits(limits=Limits(per_payment=Money(50_00, world.currency))))
    assert not (await world.pays(issued, 60_00)).approved

    wider = Permits(limits=Limits(per_payment=Money(100_00, world.currency)))
    assert isinstance(await world.processor.set_controls(issued.reference, wider, key()), Done)
    none_of_it = Permits(controls=Controls(categories=Choice(never=frozenset({"5942"}))))
    assert isinstance(await world.processor.set_controls(issued.reference, none_of_it, key()), Done)


# -- what nobody between may read --------------------------------------------------------------------------------------


async def test_a_pin_is_set_by_what_nobody_between_can_read(world: World) -> None:
    issued = await card(world, await world.somebody())
    sealed = await world.pin(issued)
    named = key()

    assert await world.processor.set_pin(issued.reference, sealed, named) == Done(issued.reference)
    assert await world.processor.set_pin(issued.reference, sealed, named) == Done(issued.reference)
    assert sealed.text not in repr(sealed)


@pytest.mark.parametrize("verb", ["reveal_session", "provision_wallet"])
async def test_a_session_is_for_a_moment_and_says_nothing_of_itself(world: World, verb: str) -> None:
    issued = await card(world, await world.somebody())
    device, named = await world.device(), key()

    session = await getattr(world.processor, verb)(issued.reference, device, named)
    again = await getattr(world.processor, verb)(issued.reference, device, named)

    assert isinstance(session, Session)
    assert session.secret.text == again.secret.text
    assert session.secret.text not in repr(session)
    with pytest.raises(TypeError):
        msgspec.json.encode(session)


async def test_who_shows_no_device_sees_no_number(world: World) -> None:
    issued = await card(world, await world.somebody())

    answer = await world.processor.reveal_session(issued.reference, Device(), key())

    assert isinstance(answer, Refused)
    assert answer.why is Why.NOT_ACCEPTED


# -- purchases and disputes --------------------------------------------------------------------------------------------


async def test_money_is_promised_given_up_taken_and_given_back(world: World) -> None:
    holder = await world.somebody()
    issued = await card(world, holder)
    had, _ = await world.has(holder)

    bought = await world.pays(issued, 100_00)
    promised = await world.has(holder)
    await world.gives_up(bought, 30_00)
    less = await world.has(holder)
    taken = await world.takes(bought, 60_00)
    after = await world.has(holder)
    await world.gives_back(taken, 20_00)

    assert bought.approved
    assert (promised, less, after) == ((had, 100_00), (had, 70_00), (had - 60_00, 0))
    assert await world.has(holder) == (had - 40_00, 0)


async def test_nobody_spends_more_than_they_have(world: World) -> None:
    holder = await world.somebody()
    issued = await card(world, holder)
    had, _ = await world.has(holder)

    assert not (await world.pays(issued, had + 1)).approved
    assert await world.has(holder) == (had, 0)


async def test_a_purchase_is_disputed_once(world: World) -> None:
    holder = await world.somebody()
    issued = await card(world, holder)
    taken = await world.takes(await world.pays(issued, 50_00), 50_00)
    asked = Claim(
        id=ids.new(),
        transaction=taken,
        amount=Money(50_00, world.currency),
        grounds=Grounds.DUPLICATE,
        explanation="I paid once before.",
    )
    named = key()

    first = await world.processor.submit_dispute(asked, named)
    again = await world.processor.submit_dispute(asked, named)
    another = await world.processor.submit_dispute(msgspec.structs.replace(asked, id=ids.new()), key())

    assert isinstance(first, Done)
    assert again == first
    assert isinstance(another, Refused)


async def test_a_dispute_is_taken_back_where_that_can_be_done(world: World) -> None:
    holder = await world.somebody()
    issued = await card(world, holder)
    taken = await world.takes(await world.pays(issued, 50_00), 50_00)
    asked = Claim(
        id=ids.new(),
        transaction=taken,
        amount=Money(50_00, world.currency),
        grounds=Grounds.DUPLICATE,
        explanation="I paid once before.",
    )
    submitted = await world.processor.submit_dispute(asked, key())
    assert isinstance(submitted, Done)

    answer = await world.processor.withdraw_dispute(submitted.reference, key())

    if world.processor.code == "own":
        assert answer == submitted
    else:
        assert isinstance(answer, Refused)
        assert answer.why is Why.NOT_OFFERED, "at Stripe what was submitted takes its course"


async def test_a_dispute_of_nothing_is_refused(world: World) -> None:
    nothing = Claim(
        id=ids.new(),
        transaction="nothing",
        amount=Money(1_00, world.currency),
        grounds=Grounds.DUPLICATE,
        explanation="?",
    )

    for answer in (
        await world.processor.submit_dispute(nothing, key()),
        await world.processor.withdraw_dispute("nothing", key()),
    ):
        assert isinstance(answer, Refused)
        assert answer.why is Why.UNKNOWN_REFERENCE


# -- what happened, and what is not known ------------------------------------------------------------------------------


async def test_what_happened_can_be_listed_again(world: World) -> None:
    since = clock.real() - timedelta(minutes=1)
    issued = await card(world, await world.somebody())
    await world.processor.set_status(issued.reference, Status.INACTIVE, key())

    listed = await world.processor.list_events(since)
    again = await world.processor.list_events(since)

    assert isinstance(listed, list)
    assert isinstance(again, list)
    assert again[: len(listed)] == listed
    about = [told.kind for told in listed if told.about == issued.reference]
    assert len(about) >= 2, "that it was made, and that it was stopped"
    assert [told.at for told in listed] == sorted(told.at for told in listed)
    assert len({told.event for told in listed}) == len(listed)


async def test_silence_is_unknown_and_the_same_key_finds_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = await card(world, await world.somebody())
    named = key()

    silence(world, monkeypatch)
    lost = await world.processor.set_status(issued.reference, Status.INACTIVE, named)
    monkeypatch.undo()
    found = await world.processor.set_status(issued.reference, Status.INACTIVE, named)

    assert isinstance(lost, Unknown)
    assert found == Done(issued.reference)
    assert not (await world.pays(issued, 1_00)).approved


def silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lose the next answer: Stripe's on its way, or that of our own database to a commit."""
    if world.fake is not None:
        world.fake.lose = 1
        return
    commit = db.Story.commit

    async def lost(story: db.Story) -> None:
        await commit(story)
        if story._spoken["actor"]:  # noqa: SLF001  the story of the processor, not a look-up before it
            raise OperationalError("COMMIT", {}, ConnectionError("gone"))

    monkeypatch.setattr(db.Story, "commit", lost)


async def test_both_are_the_port(world: World) -> None:
    port = {name for name in vars(CardProcessor) if not name.startswith("_")}

    assert port <= set(dir(world.processor))
    assert world.processor.code == ("own" if world.fake is None else "stripe")
