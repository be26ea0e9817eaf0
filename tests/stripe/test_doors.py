"""Two endpoints with a secret each: only what Stripe signed just now is read; what it asks is answered in its form."""

from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
import stripe
from litestar import Litestar

from app import batch
from app.house import House
from app.http.partner import stripe as doors
from app.partners.stripe_issuing.client import VERSION
from tests.stripe.fake import ASKING, TELLING, Fake
from tests.stripe.world import spender

pytestmark = pytest.mark.asyncio

Signed = tuple[bytes, dict[str, str]]
Spoil = Callable[[bytes, dict[str, str]], Signed]
ASKS, TELLS = "/v1/processors/stripe/authorizations", "/v1/processors/stripe/events"


def signed(event: dict[str, Any], secret: str, **other: Any) -> Signed:  # noqa: ANN401  when
    body = msgspec.json.encode(event).decode()
    return body.encode(), {"Stripe-Signature": stripe.WebhookSignature.generate_signature_header(body, secret, **other)}


@pytest.fixture
def event(programme: House, fake: Fake) -> dict[str, Any]:
    assert programme.stripe is not None, "the programme is on"
    return fake.tell("issuing_card.updated", {"id": "ic_unknown", "object": "issuing.card"})


async def test_an_event_is_kept_once_however_often_it_comes(
    client: httpx.AsyncClient, programme: House, event: dict[str, Any]
) -> None:
    for _ in range(3):
        body, headers = signed(event, TELLING)
        answer = await client.post(TELLS, content=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, {"received": True})

    async with programme.report.connect() as connection:
        rows = await connection.exec_driver_sql(
            "SELECT kind, about FROM cards.processor_event WHERE event = %s", (event["id"],)
        )
        assert [tuple(row) for row in rows] == [("issuing_card.updated", "ic_unknown")]


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("balance.available", {"object": "balance", "livemode": False}),
        ("v2.core.account.closed", {"id": "acct_1", "object": "account"}),
        ("issuing_card.updated", {"id": "ic " * 30, "object": "issuing.card"}),
        ("issuing_card.updated", {"id": 7}),
    ],
    ids=["about nothing with a name", "a kind with a digit", "a name that is none", "a number for a name"],
)
async def test_an_event_that_means_nothing_here_is_heard_and_let_be(
    client: httpx.AsyncClient, programme: House, event: dict[str, Any], kind: str, about: dict[str, Any]
) -> None:
    """Stripe tells again whatever is not answered with 200, for days, and switches the endpoint off in the end."""
    body, headers = signed(event | {"type": kind, "data": {"object": about}}, TELLING)

    answer = await client.post(TELLS, content=body, headers=headers)

    assert (answer.status_code, answer.json()) == (200, {"received": True})
    async with programme.report.connect() as connection:
        kept = await connection.exec_driver_sql(
            "SELECT count(*) FROM cards.processor_event WHERE event = %s", (event["id"],)
        )
        assert kept.scalar_one() == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body, _: (body, {}),
        lambda body, headers: (body + b" ", headers),
        lambda body, _: (body, {"Stripe-Signature": "t=1,v1=00"}),
        lambda body, _: (body, {"Stripe-Signature": "nonsense"}),
        lambda body, headers: (b"\xff" + body, headers),
    ],
    ids=["unsigned", "changed", "old", "nonsense", "no text"],
)
@pytest.mark.parametrize(("path", "secret"), [(ASKS, ASKING), (TELLS, TELLING)])
async def test_what_stripe_did_not_sign_is_not_read(
    client: httpx.AsyncClient, event: dict[str, Any], path: str, secret: str, spoil: Spoil
) -> None:
    body, headers = spoil(*signed(event, secret))

    assert (await client.post(path, content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize(("path", "secret"), [(ASKS, TELLING), (TELLS, ASKING)])
async def test_an_endpoint_believes_its_own_secret_only(
    client: httpx.AsyncClient, event: dict[str, Any], path: str, secret: str
) -> None:
    body, headers = signed(event, secret)

    assert (await client.post(path, content=body, headers=headers)).status_code == 400


async def test_what_was_signed_long_ago_or_in_the_other_world_is_not_read(
    client: httpx.AsyncClient, event: dict[str, Any]
) -> None:
    for body, headers in (signed(event, TELLING, timestamp=1), signed(event | {"livemode": True}, TELLING)):
        assert (await client.post(TELLS, content=body, headers=headers)).status_code == 400


async def test_a_secret_that_is_being_replaced_is_still_believed(
    client: httpx.AsyncClient, event: dict[str, Any]
) -> None:
    body, headers = signed(event, "whsec_older")

    assert (await client.post(TELLS, content=body, headers=headers)).status_code == 200


async def test_without_a_programme_there_are_no_such_doors(
    app: Litestar, client: httpx.AsyncClient, event: dict[str, Any]
) -> None:
    app.state.house = msgspec.structs.replace(app.state.house, stripe=None)
    for path, secret in ((ASKS, ASKING), (TELLS, TELLING)):
        body, headers = signed(event, secret)
        assert (await client.post(path, content=body, headers=headers)).status_code == 404


async def question(fake: Fake, card: str, **pending: Any) -> dict[str, Any]:  # noqa: ANN401  fields of what is asked
    """Ask as Stripe does, for a card it knows."""
    from tests.stripe import fixtures  # noqa: PLC0415  skips where the examples are not there

    asked = {"amount": 10_00, "currency": "eur", "is_amount_controllable": False, "merchant_amount": 10_00,
             "merchant_currency": "eur", **pending}  # fmt: skip
    about = fixtures.like("issuing.authorization", id=fake.name("iauth"), currency="eur", pending_request=asked)
    return fake.tell("issuing_authorization.request", about | {"card": {"id": card}})


async def test_the_answer_names_the_version_and_says_no_more_than_it_may(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)

    answer = await fake.ask(await question(fake, mine.reference))

    said = answer.json()
    assert (answer.status_code, answer.headers["stripe-version"]) == (200, VERSION)
    assert said.keys() == {"approved", "metadata"}, "an amount is an error where the merchant takes all or nothing"
    assert said["approved"] is True


async def test_a_card_that_is_not_ours_is_declined(programme: House, fake: Fake) -> None:
    assert programme.stripe is not None, "the programme is on"
    assert (await fake.ask(await question(fake, "ic_nobodys"))).json() == {"approved": False}


async def test_a_question_asked_again_with_another_amount_is_declined(programme: House, fake: Fake) -> None:
    mine = await spender(programme, fake, 100_00)
    event = await question(fake, mine.reference)
    first = await fake.ask(event)
    about = event["data"]["object"]
    event["data"]["object"] = about | {"pending_request": about["pending_request"] | {"amount": 11_00}}

    answer = await fake.ask(event)

    assert first.json()["approved"] is True
    assert (answer.status_code, answer.json()) == (200, {"approved": False})


@pytest.mark.parametrize("fault", [batch.Overloaded, batch.Unavailable, TimeoutError])
async def test_what_can_not_be_decided_in_time_is_declined(
    programme: House, fake: Fake, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    mine = await spender(programme, fake, 100_00)

    async def late(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(doors, "_decide", late)

    answer = await fake.ask(await question(fake, mine.reference))

    assert (answer.status_code, answer.json()) == (200, {"approved": False})
