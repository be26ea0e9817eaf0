"""The adapter through the real SDK: what it sends is of the SDK's own types, and what comes back is an answer."""

import typing
from datetime import UTC, date, datetime
from typing import Any, get_args

import msgspec
import pytest
import stripe
from stripe.params import issuing as params

from app import ids
from app.partners.stripe_issuing import categories
from app.partners.stripe_issuing.client import VERSION
from app.partners.stripe_issuing.issuer import KINDS, StripeIssuing
from app.partners.stripe_issuing.programme import COUNTRIES, NotIssuedThere, currency_of
from cards.card import Closing, Form, Limits
from cards.processing.processor import (
    Address,
    Cardholder,
    Claim,
    Destination,
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
from cards.programme.permission import Choice, Controls
from cards.proofs.token import Life
from law.money import EUR, KZT, USD, Money
from tests.stripe import fixtures, issuing, typed
from tests.stripe.fake import Fake
from tests.stripe.typed import Untyped

pytestmark = pytest.mark.asyncio

BERLIN = Address(line1="Unter den Linden 1", city="Berlin", postal_code="01017", country="DE")
PARCEL = Destination(
    recipient="ERIKA MUSTERMANN",
    lines=("Unter den Linden 1", "Aufgang B", "3. Stock"),
    city="Berlin",
    postcode="01017",
    country="DE",
    phone="+4930123456",
)


def person(**other: Any) -> Cardholder:  # noqa: ANN401  fields of a cardholder
    fields = {"id": ids.new(), "given_names": "Erika", "surname": "Mustermann", "born_on": date(1964, 8, 12)}
    return Cardholder(**{**fields, "address": BERLIN, "phone": "+4930123456", **other})


async def card(issuer: StripeIssuing, **other: Any) -> Issued:  # noqa: ANN401  fields of a card
    known = await issuer.create_cardholder(person(), str(ids.new()))
    assert isinstance(known, Done)
    asked = {"id": ids.new(), "cardholder": known.reference, "form": Form.VIRTUAL, "currency": EUR, **other}
    made = await issuer.issue_card(NewCard(**asked), str(ids.new()))
    assert isinstance(made, Issued), made
    return made


# -- what is sent ------------------------------------------------------------------------------------------------------


async def test_every_request_is_of_the_types_of_the_sdk(issuer: StripeIssuing, fake: Fake) -> None:
    limits = Permits(
        limits=Limits(per_payment=Money(50_00, EUR)), controls=Controls(categories=Choice(never=frozenset({"5942"})))
    )
    made = await card(issuer, permits=limits, ship_to=PARCEL, form=Form.PLASTIC)
    reference = made.reference
    answers = [
        await issuer.set_status(reference, Status.ACTIVE, "a"),
        await issuer.ship(reference, PARCEL, "s"),
        await issuer.set_token(issuing.provisioned(fake, reference)["id"], Life.SUSPENDED, "t"),
        await issuer.upload("receipt.png", b"png", "u"),
        await issuer.set_controls(reference, limits, "b"),
        await issuer.set_pin(reference, Shown("sealed"), "c"),
        await issuer.reveal_session(reference, Device(nonce="nonce"), "d"),
        await issuer.provision_wallet(reference, Device(wallet="apple_pay"), "e"),
        await issuer.replace(reference, Successor(id=ids.new(), why=Closing.DAMAGED), "f"),
        await issuer.set_status(reference, Status.CLOSED, "g", why=Closing.STOLEN),
    ]

    assert [type(answer) for answer in answers] == [Done] * 6 + [Session, Session, Issued, Done]
    # The server refuses what is not of the type: all of this passed.
    assert {path.split("/")[2] for _, path, _ in fake.asked} == {"issuing", "ephemeral_keys", "files"}
    [sent] = [said for method, path, said in fake.asked if (method, path) == ("POST", "/v1/issuing/cardholders")]
    assert sent["billing"]["address"]["postal_code"] == "01017"
    assert sent["individual"]["dob"] == {"day": 12, "month": 8, "year": 1964}


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ({"currency": "eur", "type": "virtual", "colour": "red"}, "unknown ['colour']"),
        ({"currency": "eur"}, "without ['type']"),
        ({"currency": "eur", "type": "wooden"}, "none of 2 words"),
        ({"currency": "eur", "type": "virtual", "exp_year": "soon"}, "no whole number"),
        (
            {"currency": "eur", "type": "virtual", "spending_controls": {"blocked_categories": ["spells"]}},
            ".spending_controls.blocked_categories[0]",
        ),
    ],
)
async def test_a_request_that_is_not_of_its_type_is_found(tree: dict[str, Any], why: str) -> None:
    with pytest.raises(Untyped) as found:
        typed.read(tree, params.CardCreateParams)

    assert why in str(found.value)


async def test_categories_are_those_of_the_sdk() -> None:
    hints = typing.get_type_hints(params.CardUpdateParamsSpendingControls)
    known = {word for word in _words(hints["blocked_categories"]) if word}

    assert set(categories.codes()) == known - {categories.OTHER}
    assert categories.names()["5942"] == "book_stores"
    assert len(categories.names()) == len(categories.codes()), "a category has one name"


def _words(kind: Any) -> list[str]:  # noqa: ANN401  a type
    if typing.get_origin(kind) is typing.Literal:
        return list(get_args(kind))
    return [word for each in get_args(kind) for word in _words(each)]


async def test_the_version_and_the_kinds_of_event_are_those_of_the_sdk() -> None:
    import stripe._api_version as sdk  # noqa: PLC0415  where the SDK keeps it

    assert sdk._ApiVersion.CURRENT == VERSION  # noqa: SLF001  as above
    assert set(KINDS) <= set(_words(typing.get_type_hints(stripe.Event)["type"]))
    assert len(KINDS) <= 20, "Stripe filters by twenty kinds at most"


# -- what comes back ---------------------------------------------------------------------------------------------------


async def test_every_answer_has_the_fields_of_stripes_own_examples(issuer: StripeIssuing, fake: Fake) -> None:
    made = await card(issuer)
    claimed = fake.objects[(await forced(fake, made.reference))["id"]]
    asked = Claim(
        id=ids.new(),
        transaction=claimed["id"],
        amount=Money(5_00, EUR),
        grounds=Grounds.FRAUDULENT,
        explanation="not me",
    )
    assert isinstance(await issuer.submit_dispute(asked, "claim"), Done)
    await issuer.list_events(datetime.fromtimestamp(0, UTC))

    for answer in fake.answered:
        if answer["object"] != "list":
            assert set(answer) - {"secret"} == fixtures.keys(answer["object"])


async def forced(fake: Fake, reference: str) -> dict[str, Any]:
    door, _ = fake.doors["POST", "/v1/test_helpers/issuing/transactions/create_force_capture"]
    return await door(fake, [], {"card": reference, "amount": 5_00})


async def test_what_a_request_was_has_the_fields_of_the_sdk() -> None:
    from tests.stripe.issuing import _PAST  # noqa: PLC0415  the fake's own

    own = {"amount", "approved", "created", "currency", "merchant_amount", "merchant_currency", "reason"}
    assert set(_PAST) | own == set(stripe.issuing.Authorization.RequestHistory.__annotations__) - {"_inner_class_types"}


# -- keys and silence --------------------------------------------------------------------------------------------------


async def test_a_lost_answer_is_unknown_and_the_same_key_finds_what_was_done(issuer: StripeIssuing, fake: Fake) -> None:
    asked = person()
    fake.lose = 1

    lost = await issuer.create_cardholder(asked, "key-1")
    found = await issuer.create_cardholder(asked, "key-1")

    assert isinstance(lost, Unknown)
    assert isinstance(found, Done)
    assert [each["object"] for each in fake.objects.values()] == ["issuing.cardholder"]


async def test_a_fault_of_stripes_is_unknown_never_refused(issuer: StripeIssuing, fake: Fake) -> None:
    fake.break_ = 1

    assert isinstance(await issuer.create_cardholder(person(), "key-1"), Unknown)
    assert fake.objects == {}


async def test_a_key_with_other_content_is_refused(issuer: StripeIssuing) -> None:
    await issuer.create_cardholder(person(), "key-1")

    assert await issuer.create_cardholder(person(surname="Schmidt"), "key-1") == Refused(
        Why.KEY_REUSED, "IdempotencyError 400"
    )


async def test_a_key_of_ours_that_is_not_believed_refuses_nothing(fake: Fake, issuer: StripeIssuing) -> None:
    issuer.client._key = lambda: "sk_test_other"  # noqa: SLF001  as if the file had changed

    assert isinstance(await issuer.set_status("ic_1", Status.ACTIVE, "key-1"), Unknown)
    assert fake.objects == {}


async def test_refusals_say_no_more_than_a_code(issuer: StripeIssuing) -> None:
    assert await issuer.set_status("ic_unknown", Status.ACTIVE, "key-1") == Refused(
        Why.UNKNOWN_REFERENCE, "InvalidRequestError 404 resource_missing id"
    )


# -- where -------------------------------------------------------------------------------------------------------------


async def test_stripe_issues_in_22_countries_and_not_in_kazakhstan() -> None:
    assert len(COUNTRIES) == 22
    assert [currency_of(country) for country in ("DE", "GB", "US")] == ["EUR", "GBP", "USD"]
    with pytest.raises(NotIssuedThere):
        currency_of("KZ")


@pytest.mark.parametrize("country", ["KZ", "US"])
async def test_nobody_is_made_known_who_lives_where_the_programme_does_not_serve(
    issuer: StripeIssuing, fake: Fake, country: str
) -> None:
    address = msgspec.structs.replace(BERLIN, country=country)

    answer = await issuer.create_cardholder(person(address=address), "key-1")

    assert isinstance(answer, Refused)
    assert (answer.why, fake.asked) == (Why.NOT_OFFERED, [])


@pytest.mark.parametrize("currency", [KZT, USD])
async def test_a_card_is_billed_in_the_currency_of_its_programme(issuer: StripeIssuing, currency: Any) -> None:  # noqa: ANN401  a table's column
    asked = NewCard(id=ids.new(), cardholder="ich_1", form=Form.VIRTUAL, currency=currency)

    assert isinstance(answer := await issuer.issue_card(asked, "key-1"), Refused)
    assert answer.why is Why.NOT_OFFERED


# -- lists -------------------------------------------------------------------------------------------------------------


async def test_events_are_listed_whole_however_many_pages_they_take(issuer: StripeIssuing, fake: Fake) -> None:
    made = await card(issuer)
    for number in range(230):
        fake.now += 1
        fake.tell("issuing_card.updated", fake.objects[made.reference] | {"metadata": {"n": str(number)}})

    listed = await issuer.list_events(datetime.fromtimestamp(fake.now - 219, UTC))

    assert isinstance(listed, list)
    assert len(listed) == 220
    assert listed == sorted(listed, key=lambda told: told.at)
    assert {told.about for told in listed} == {made.reference}
