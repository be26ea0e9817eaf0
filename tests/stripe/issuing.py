"""What Stripe Issuing does, as far as it is documented: cards and their holders, purchases, disputes, keys, events.

A purchase is asked about first: its answer, or silence, and Stripe's own rules make it pending or closed. What a tester
makes happen (test helpers) does what a network would.
"""

from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
from stripe import params as root
from stripe.params import issuing
from stripe.params.test_helpers import issuing as testing

from tests.stripe import disputing, fixtures
from tests.stripe.fake import Door, Fake, Object, Refusal, page

#: What a request was, once it is over (stripe.issuing.Authorization.RequestHistory; the examples have none).
_PAST: Object = {
    "amount_details": {"atm_fee": None, "cashback_amount": None},
    "authorization_code": None,
    "network_risk_score": None,
    "reason_message": None,
    "requested_at": None,
}


def _merchant(example: Object, given: Object) -> Object:
    cash = given.get("category") == "automated_cash_disburse"
    return example | given | ({"category_code": "6011"} if cash else {})


async def _create_cardholder(fake: Fake, _: list[str], params: Object) -> Object:
    made = fixtures.like("issuing.cardholder", id=fake.name("ich"), created=fake.now, **_known(params))
    fake.objects[made["id"]] = made
    fake.tell("issuing_cardholder.created", made)
    return made


async def _update_cardholder(fake: Fake, parts: list[str], params: Object) -> Object:
    found = fake.find(parts[0], "ich")
    found.update(_known(params))
    fake.tell("issuing_cardholder.updated", found)
    return found


async def _create_card(fake: Fake, _: list[str], params: Object) -> Object:
    holder = fake.find(params["cardholder"], "ich")
    former = params.get("replacement_for")
    if (
        former
        and params["replacement_reason"] in {"lost", "stolen"}
        and fake.find(former, "ic")["status"] != "canceled"
    ):
        raise Refusal(400, "invalid_request_error", "card_not_canceled", "replacement_for")
    year = datetime.fromtimestamp(fake.now, UTC).year + 3
    made = fixtures.like(
        "issuing.card",
        id=fake.name("ic"),
        created=fake.now,
        cardholder=holder,
        last4=f"{len(fake.objects) % 10_000:04d}",
        exp_month=10,
        exp_year=year,
        shipping=None,
        metadata={},
        status="inactive",
        replacement_for=former,
    )
    made.update({name: params[name] for name in ("currency", "status", "type", "metadata") if name in params})
    made["spending_controls"] = made["spending_controls"] | params.get("spending_controls", {})
    if "shipping" in params:
        made["shipping"] = _shipping(params["shipping"])
    fake.objects[made["id"]] = made
    if former:
        fake.objects[former]["replaced_by"] = made["id"]
    fake.tell("issuing_card.created", made)
    return made


def _shipping(params: Object) -> Object:
    example = fixtures.like("issuing.card")["shipping"]
    made: Object = example | params | {"address": example["address"] | params["address"], "status": "pending"}
    return made


def _sends(status: str) -> Door:
    """Have a plastic card be where a tester says."""

    async def sent(fake: Fake, parts: list[str], _: Object) -> Object:
        card = fake.find(parts[0], "ic")
        tracked = {"carrier": "dhl", "tracking_number": f"track-{card['id']}"} if status == "shipped" else {}
        card["shipping"] |= {"status": status, **tracked}
        fake.tell("issuing_card.updated", card)
        return card

    return sent


def provisioned(fake: Fake, card: str, *, wallet: str = "apple_pay", status: str = "active") -> Object:
    """Have a wallet take a card in."""
    made = fixtures.like(
        "issuing.token", id=fake.name("intok"), created=fake.now, card=card, status=status, wallet_provider=wallet
    )
    fake.objects[made["id"]] = made
    fake.tell("issuing_token.created", made)
    return made


async def _update_token(fake: Fake, parts: list[str], params: Object) -> Object:
    found = fake.find(parts[0], "intok")
    if found["status"] == "deleted":
        raise Refusal(400, "invalid_request_error", "token_deleted", "status")
    found["status"] = params["status"]
    fake.tell("issuing_token.updated", found)
    return found


async def _update_card(fake: Fake, parts: list[str], params: Object) -> Object:
    card = fake.find(parts[0], "ic")
    if card["status"] == "canceled" and params.get("status") != "canceled":
        raise Refusal(400, "invalid_request_error", "card_canceled", "status")
    params = dict(params)
    if "spending_controls" in params:
        params["spending_controls"] = card["spending_controls"] | params["spending_controls"]
    if "pin" in params:
        fake.pins[card["id"]] = params.pop("pin")["encrypted_number"]
    if "shipping" in params:
        params["shipping"] = _shipping(params["shipping"])
    card.update(_known(params))
    fake.tell("issuing_card.updated", card)
    return card


def again(fake: Fake, card: Object) -> Object:
    """Have made a card once more."""
    made = card | {"id": fake.name("ic"), "created": fake.now + 1}
    fake.objects[made["id"]] = made
    return made


def _lists(prefix: str, kind: str) -> Door:
    """List what was made in a while, of somebody where it says so."""

    async def listed(fake: Fake, _: list[str], params: Object) -> Object:
        made = [each for each in fake.objects.values() if each["object"] == kind]
        while_, of = params.get("created", {}), params.get("cardholder")
        in_time = [each for each in made if while_.get("gte", 0) <= each["created"] <= while_.get("lte", 1 << 40)]
        mine = [each for each in in_time if of is None or each["cardholder"]["id"] == of]
        return page(mine, params, f"/v1/issuing/{prefix}")

    return listed


async def _retrieve(fake: Fake, parts: list[str], _: Object) -> Object:
    return fake.objects[parts[0]] if parts[0] in fake.objects else fake.find(parts[0], "nothing")


async def _ephemeral_key(fake: Fake, _: list[str], params: Object) -> Object:
    fake.find(params["issuing_card"], "ic")
    made = fixtures.like("ephemeral_key", id=fake.name("ephkey"), created=fake.now, expires=fake.now + 3_600)
    return made | {"secret": f"ek_test_{made['id']}"}  # shown once; the example was read later


async def _list_events(fake: Fake, _: list[str], params: Object) -> Object:
    since = params.get("created", {}).get("gte", 0)
    wanted = params.get("types")
    found = [event for event in fake.events if event["created"] >= since and (not wanted or event["type"] in wanted)]
    return page(found, params, "/v1/events")


# -- purchases ---------------------------------------------------------------------------------------------------------


async def _authorize(fake: Fake, _: list[str], params: Object) -> Object:
    card = fake.find(params["card"], "ic")
    example = fixtures.like("issuing.authorization")
    amount = params["amount"]
    made = example | {
        "id": fake.name("iauth"),
        "amount": 0,
        "approved": False,
        "authorization_method": params.get("authorization_method", "online"),
        "card": card,
        "cardholder": card["cardholder"]["id"],
        "created": fake.now,
        "currency": card["currency"],
        "merchant_amount": params.get("merchant_amount", amount),
        "merchant_currency": params.get("merchant_currency", card["currency"]),
        "merchant_data": _merchant(example["merchant_data"], params.get("merchant_data", {})),
        "pending_request": None,
        "status": "closed",
        "wallet": params.get("wallet"),
        "token": _token(fake, card, params.get("wallet")),
    }
    fake.objects[made["id"]] = made
    await _question(fake, made, amount, controllable=params.get("is_amount_controllable", False))
    fake.tell("issuing_authorization.created", made)
    return made


def _token(fake: Fake, card: Object, wallet: str | None) -> str | None:
    tokens = [each for each in fake.objects.values() if each["object"] == "issuing.token"]
    mine = [each["id"] for each in tokens if (each["card"], each["wallet_provider"]) == (card["id"], wallet)]
    return next(iter(mine), None)


async def _increment(fake: Fake, parts: list[str], params: Object) -> Object:
    found = _open(fake, parts)
    await _question(fake, found, params["increment_amount"], controllable=params.get("is_amount_controllable", False))
    fake.tell("issuing_authorization.updated", found)
    return found


async def _question(fake: Fake, purchase: Object, amount: int, *, controllable: bool) -> None:
    """Decide by Stripe's own rules, or ask, and write down what came of it."""
    merchant = {"merchant_amount": purchase["merchant_amount"], "merchant_currency": purchase["merchant_currency"]}
    refused = _refused_here(purchase, amount)
    held = amount
    if refused:
        approved, reason = False, refused
    else:
        pending = {
            "amount": amount,
            "currency": purchase["currency"],
            "is_amount_controllable": controllable,
            **merchant,
        }
        purchase["pending_request"] = fixtures.like("issuing.authorization")["pending_request"] | pending
        approved, reason, held = await _asked(fake, purchase, amount, controllable=controllable)
        purchase["pending_request"] = None
    past = {**_PAST, **merchant, "amount": held if approved else amount, "approved": approved, "created": fake.now}
    purchase["request_history"] = [
        *purchase["request_history"],
        past | {"currency": purchase["currency"], "reason": reason},
    ]
    if approved:
        purchase.update(approved=True, status="pending", amount=purchase["amount"] + held)


async def _asked(fake: Fake, purchase: Object, amount: int, *, controllable: bool) -> tuple[bool, str, int]:
    event = fake.tell("issuing_authorization.request", purchase)
    fake.events.remove(event)  # Stripe lists it, and nobody who finds it later can answer it
    try:
        answer = await fake.ask(event)
    except (TimeoutError, httpx.TimeoutException):
        return fake.by_default, "webhook_timeout", amount
    if answer.status_code != 200 or answer.headers.get("stripe-version") is None:
        return fake.by_default, "webhook_error", amount
    said = msgspec.json.decode(answer.content)
    if said.keys() - {"approved", "amount", "metadata"} or ("amount" in said and not controllable):
        return False, "webhook_error", amount
    purchase["metadata"] = purchase["metadata"] | said.get("metadata", {})
    return said["approved"], f"webhook_{'approved' if said['approved'] else 'declined'}", said.get("amount", amount)


def _refused_here(purchase: Object, amount: int) -> str | None:
    card = purchase["card"]
    controls = card["spending_controls"]
    if card["status"] != "active":
        return "card_inactive" if card["status"] == "inactive" else "card_canceled"
    if purchase["merchant_data"]["category"] in (controls["blocked_categories"] or ()):
        return "spending_controls"
    limits = [each["amount"] for each in controls["spending_limits"] if each["interval"] == "per_authorization"]
    return "spending_controls" if any(purchase["amount"] + amount > limit for limit in limits) else None


async def _reverse(fake: Fake, parts: list[str], params: Object) -> Object:
    found = _open(fake, parts)
    found["amount"] -= params.get("reverse_amount", found["amount"])
    if not found["amount"]:
        found["status"] = "reversed"
    fake.tell("issuing_authorization.updated", found)
    return found


async def _expire(fake: Fake, parts: list[str], _: Object) -> Object:
    found = _open(fake, parts)
    found["status"] = "expired"
    fake.tell("issuing_authorization.updated", found)
    return found


async def _capture(fake: Fake, parts: list[str], params: Object) -> Object:
    found = _open(fake, parts)
    moved = _moved(fake, found["card"], -params.get("capture_amount", int(found["amount"])), found)
    if params.get("close_authorization", True):
        found["status"] = "closed"
    found["transactions"] = [*found["transactions"], moved]
    fake.tell("issuing_transaction.created", moved)
    fake.tell("issuing_authorization.updated", found)
    return found


async def _force(fake: Fake, _: list[str], params: Object) -> Object:
    moved = _moved(fake, fake.find(params["card"], "ic"), -params["amount"], None, params)
    fake.tell("issuing_transaction.created", moved)
    return moved


async def _give_back(fake: Fake, _: list[str], params: Object) -> Object:
    moved = _moved(fake, fake.find(params["card"], "ic"), params["amount"], None, params)
    fake.tell("issuing_transaction.created", moved)
    return moved


async def _refund(fake: Fake, parts: list[str], params: Object) -> Object:
    taken = fake.find(parts[0], "ipi")
    purchase = fake.objects.get(taken["authorization"] or "")
    card = fake.objects[taken["card"]]
    moved = _moved(fake, card, params.get("refund_amount", -taken["amount"]), purchase, taken)
    if purchase:
        purchase["transactions"] = [*purchase["transactions"], moved]
    fake.tell("issuing_transaction.created", moved)
    return moved


def _moved(fake: Fake, card: Object, amount: int, purchase: Object | None, like: Object | None = None) -> Object:
    example = fixtures.like("issuing.transaction")
    source = purchase or like or {}
    made = example | {
        "id": fake.name("ipi"),
        "amount": amount,
        "authorization": purchase["id"] if purchase else None,
        "card": card["id"],
        "cardholder": card["cardholder"]["id"],
        "created": fake.now,
        "currency": card["currency"],
        "merchant_amount": amount,
        "merchant_currency": card["currency"],
        "merchant_data": example["merchant_data"] | source.get("merchant_data", {}),
        "type": "capture" if amount < 0 else "refund",
        "wallet": None,
    }
    fake.objects[made["id"]] = made
    return made


def _open(fake: Fake, parts: list[str]) -> Object:
    found = fake.find(parts[0], "iauth")
    if found["status"] != "pending":
        raise Refusal(400, "invalid_request_error", "authorization_not_pending")
    return found


def topped_up(fake: Fake, amount: int, currency: str) -> Object:
    """Let money arrive that the programme pays ahead."""
    made = fixtures.like(
        "topup", id=fake.name("tu"), created=fake.now, amount=amount, currency=currency, source=None, status="succeeded"
    )
    fake.objects[made["id"]] = made
    return fake.tell("topup.succeeded", made)


def _known(params: Object) -> Object:
    return {name: each for name, each in params.items() if name not in {"expand", "cancellation_reason"}}


_HELP = "/v1/test_helpers/issuing"
DOORS: dict[tuple[str, str], tuple[Door, Any]] = {
    ("POST", "/v1/issuing/cardholders"): (_create_cardholder, issuing.CardholderCreateParams),
    ("POST", "/v1/issuing/cardholders/*"): (_update_cardholder, issuing.CardholderUpdateParams),
    ("POST", "/v1/issuing/cards"): (_create_card, issuing.CardCreateParams),
    ("POST", "/v1/issuing/cards/*"): (_update_card, issuing.CardUpdateParams),
    ("GET", "/v1/issuing/cardholders/*"): (_retrieve, issuing.CardholderRetrieveParams),
    ("GET", "/v1/issuing/cardholders"): (
        _lists("cardholders", "issuing.cardholder"),
        issuing.CardholderListParams,
    ),
    ("GET", "/v1/issuing/cards"): (_lists("cards", "issuing.card"), issuing.CardListParams),
    ("GET", "/v1/issuing/tokens/*"): (_retrieve, issuing.TokenRetrieveParams),
    ("POST", "/v1/issuing/tokens/*"): (_update_token, issuing.TokenUpdateParams),
    ("POST", "/v1/files"): (disputing.upload, root.FileCreateParams),
    ("GET", "/v1/issuing/cards/*"): (_retrieve, issuing.CardRetrieveParams),
    ("GET", "/v1/issuing/authorizations/*"): (_retrieve, issuing.AuthorizationRetrieveParams),
    ("GET", "/v1/issuing/transactions/*"): (_retrieve, issuing.TransactionRetrieveParams),
    ("GET", "/v1/issuing/disputes/*"): (_retrieve, issuing.DisputeRetrieveParams),
    ("POST", "/v1/issuing/disputes"): (disputing.create_dispute, issuing.DisputeCreateParams),
    ("POST", "/v1/issuing/disputes/*/submit"): (disputing.submit_dispute, issuing.DisputeSubmitParams),
    ("POST", "/v1/ephemeral_keys"): (_ephemeral_key, root.EphemeralKeyCreateParams),
    ("GET", "/v1/events"): (_list_events, root.EventListParams),
    ("GET", "/v1/topups/*"): (_retrieve, root.TopupRetrieveParams),
    ("POST", f"{_HELP}/cards/*/shipping/submit"): (_sends("submitted"), testing.CardSubmitCardParams),
    ("POST", f"{_HELP}/cards/*/shipping/ship"): (_sends("shipped"), testing.CardShipCardParams),
    ("POST", f"{_HELP}/cards/*/shipping/deliver"): (_sends("delivered"), testing.CardDeliverCardParams),
    ("POST", f"{_HELP}/cards/*/shipping/return"): (_sends("returned"), testing.CardReturnCardParams),
    ("POST", f"{_HELP}/cards/*/shipping/fail"): (_sends("failure"), testing.CardFailCardParams),
    ("POST", f"{_HELP}/authorizations"): (_authorize, testing.AuthorizationCreateParams),
    ("POST", f"{_HELP}/authorizations/*/increment"): (_increment, testing.AuthorizationIncrementParams),
    ("POST", f"{_HELP}/authorizations/*/reverse"): (_reverse, testing.AuthorizationReverseParams),
    ("POST", f"{_HELP}/authorizations/*/expire"): (_expire, testing.AuthorizationExpireParams),
    ("POST", f"{_HELP}/authorizations/*/capture"): (_capture, testing.AuthorizationCaptureParams),
    ("POST", f"{_HELP}/transactions/create_force_capture"): (_force, testing.TransactionCreateForceCaptureParams),
    ("POST", f"{_HELP}/transactions/create_unlinked_refund"): (
        _give_back,
        testing.TransactionCreateUnlinkedRefundParams,
    ),
    ("POST", f"{_HELP}/transactions/*/refund"): (_refund, testing.TransactionRefundParams),
}
