"""A dispute of a purchase with a card that Stripe issued: submitted and decided there, and the money follows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import text

from app import db, ids, vault
from app.cards import dispute_errands, disputing
from app.house import House
from app.idempotency_key import Stored
from app.money import claim
from cards.disputes import dispute as disputes
from cards.disputes import evidence, paid
from cards.disputes.acting import Doing
from cards.disputes.dispute import Dispute, Wanted
from cards.disputes.life import Act, State
from cards.disputes.reason import Proof, Reason
from tests.stripe.fake import Fake, Object, Refusal
from tests.stripe.issuing import DOORS
from tests.stripe.world import Spender, eur, spender
from wallet.chart import Purpose

pytestmark = pytest.mark.asyncio


async def disputed(mine: Spender, house: House, *files: tuple[Proof, bytes]) -> Dispute:
    """Buy something, say that it was somebody else, and bring that to Stripe."""
    bought = await mine.tester.pays(mine.reference, 30_00)
    await mine.tester.takes(bought.id)
    await mine.hears()
    payment = await mine.payment(bought.id)
    async with db.transaction(house.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        wanted = Wanted(id=ids.new(), reason=Reason.NOT_AUTHORIZED, amount=eur(30_00))
        paid_for = await paid.find(connection, payment.id)
        about = await disputes.open_(connection, paid_for, wanted, actor=f"resident:{mine.holder}", at=story.now)
        safe = await vault.of(connection, house.keys.kms, mine.holder, story.now)
        for kind, content in files:
            await gives(connection, safe, about, kind, content, at=story.now)
    doing = Doing(dispute=about.id, act=Act.HAND_IN, actor=f"resident:{about.holder}")
    reply = await disputing.submit(house, about, doing, claim=claim("test", str(ids.new()), None), render=_render)
    assert reply.stored.body == b"Dispute"
    assert await dispute_errands.step(house) >= 1
    return about


async def gives(
    connection: Any,  # noqa: ANN401  a connection
    safe: vault.Vault,
    about: Dispute,
    kind: Proof,
    content: bytes,
    *,
    at: datetime,
) -> None:
    by = f"resident:{about.holder}"
    file = evidence.told(about, ids.new(), kind, content, media="image/jpeg", by=by, at=at)
    sealed = safe.seal(content, table="cards.dispute_evidence", column="content", row=file.id)
    await evidence.add(connection, about, file, sealed)


def picture() -> bytes:
    return b"\xff\xd8\xff\xe0" + ids.new().bytes + b"\xff\xd9"


def _render(found: Sequence[Any]) -> Stored:
    return Stored(200, type(found[0]).__name__.encode())


async def again(house: House, about: Dispute) -> None:
    """Have what was told be told again: the answer got lost."""
    async with house.worker.begin() as connection:
        open_again = "UPDATE cards.dispute_errand SET done_at = NULL, due_at = now() WHERE dispute = :dispute"
        await connection.execute(text(open_again), {"dispute": about.id})
    assert await dispute_errands.step(house) == 1


async def state(house: House, about: Dispute) -> State:
    async with db.transaction(house.worker) as story:
        return (await disputes.find(await story(), about.id)).state


@pytest.mark.parametrize(("status", "ends", "has"), [("won", State.WON, 100_00), ("lost", State.REJECTED, 70_00)])
async def test_what_stripe_decides_is_decided_here_and_the_money_follows(
    programme: House, fake: Fake, status: str, ends: State, has: int
) -> None:
    mine = await spender(programme, fake, 100_00)
    before = await mine.operator(Purpose.CARD_CLEARING)
    about = await disputed(mine, programme)
    [theirs] = [each for each in fake.objects.values() if each["object"] == "issuing.dispute"]
    submitted = (theirs["status"], theirs["evidence"]["reason"], await state(programme, about))

    theirs["status"] = status
    for _ in range(2):
        await mine.hears(shuffled=[fake.tell("issuing_dispute.closed", theirs)])

    assert submitted == ("submitted", "no_valid_authorization", State.SUBMITTED)
    assert await state(programme, about) is ends
    assert await mine.has() == (has, 0)
    assert await mine.operator(Purpose.CARD_CLEARING) == before


async def test_a_lost_answer_is_asked_for_again_and_there_is_one_dispute(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    about = await disputed(mine, programme)

    await again(programme, about)

    assert len([each for each in fake.objects.values() if each["object"] == "issuing.dispute"]) == 1


async def test_what_is_won_after_its_end_here_moves_nothing(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    about = await disputed(mine, programme)
    withdrawn = Doing(dispute=about.id, act=Act.WITHDRAW, actor=f"resident:{about.holder}")
    await disputing.submit(programme, about, withdrawn, claim=claim("test", str(ids.new()), None), render=_render)
    before = await mine.operator(Purpose.CARD_CLEARING)
    [theirs] = [each for each in fake.objects.values() if each["object"] == "issuing.dispute"]

    theirs["status"] = "won"
    await mine.hears(shuffled=[fake.tell("issuing_dispute.closed", theirs)])

    assert await state(programme, about) is State.WITHDRAWN
    assert await mine.operator(Purpose.CARD_CLEARING) == before


async def test_evidence_is_uploaded_once_and_named_in_the_dispute(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    shown = picture()

    about = await disputed(mine, programme, (Proof.DECLARATION, shown))
    await again(programme, about)

    [(name, content)] = fake.files.items()
    [theirs] = [each for each in fake.objects.values() if each["object"] == "issuing.dispute"]
    assert content == shown
    assert fake.objects[name]["filename"] == "declaration.jpg"
    assert theirs["evidence"]["no_valid_authorization"]["additional_documentation"] == name


async def test_what_is_told_again_is_the_same_whatever_was_handed_in_since(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    about = await disputed(mine, programme, (Proof.DECLARATION, picture()))
    async with db.transaction(programme.api, holder=mine.holder, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, programme.keys.kms, mine.holder, story.now)
        found = await disputes.find(connection, about.id)
        await gives(connection, safe, found, Proof.CORRESPONDENCE, picture(), at=story.now)

    await again(programme, about)

    assert await state(programme, about) is State.SUBMITTED, "a key of ours is no verdict of theirs"
    assert len(fake.files) == 1


async def test_a_key_that_was_used_is_no_verdict(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    refuse(fake, "/v1/issuing/disputes", "idempotency_error")

    about = await disputed(mine, programme)

    assert await state(programme, about) is State.SUBMITTED


async def test_a_file_that_stripe_will_not_have_stops_no_dispute(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    refuse(fake, "/v1/files", "invalid_request_error")

    await disputed(mine, programme, (Proof.DECLARATION, picture()))

    [theirs] = [each for each in fake.objects.values() if each["object"] == "issuing.dispute"]
    assert theirs["status"] == "submitted"
    assert "additional_documentation" not in theirs["evidence"]["no_valid_authorization"]
    async with programme.report.connect() as connection:
        kept = "SELECT reference, refused FROM cards.dispute_shown ORDER BY at DESC LIMIT 1"
        assert tuple((await connection.execute(text(kept))).one()) == (None, "InvalidRequestError 400")


def refuse(fake: Fake, path: str, kind: str) -> None:
    """Have Stripe refuse whatever is asked there."""

    async def refused(fake: Fake, parts: list[str], params: Object) -> Object:  # noqa: ARG001  as doors are
        raise Refusal(400, kind)

    fake.doors = DOORS | {("POST", path): (refused, DOORS["POST", path][1])}
