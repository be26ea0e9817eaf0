"""The deeds that a passkey confirms, as the app on the phone does them: what it shows, what it asks for."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx
from litestar import Litestar
from sqlalchemy import text

from app import clock, db, ids
from app.http import ids as public_ids
from app.seed import Seeded
from cards.card import Act
from cards.payments.payment import Merchant
from cards.programme import change, shipping
from cards.proofs import challenge, token
from law.money import KZT, Money
from simulators import letter
from simulators.letter import DeviceKey
from tests.app import people
from tests.app.people import keyed
from tests.partners import outside
from tests.partners.investors import Investor

Json = dict[str, Any]
#: Asks for the deed with a confirmation, under an Idempotency-Key of its own unless one is part of what is shown.
Ask = Callable[[Json | None], Awaitable[httpx.Response]]

SENT = 125_00
PRODUCT_TENGE = 1_000
ADDRESS: Json = {
    "recipient": "ANNA SCHMIDT",
    "lines": ["Unter den Linden 5"],
    "city": "Berlin",
    "postcode": "10117",
    "country": "DE",
    "phone": "+4915112345678",
}


class Deed(NamedTuple):
    """One deed, ready to be asked for. `repeats`: asking again for what is done already is answered well, and free."""

    operation: str
    shown: Json
    ask: Ask
    repeats: bool = False


class Actor(NamedTuple):
    """Who does them: a resident with a phone, money and a card, and who gets the money."""

    mine: Investor
    card: Json
    payees: list[Seeded]
    app: Litestar

    async def send(self) -> Deed:
        key, [line, _] = str(ids.new()), self._lines()
        body = {"to": line["payee"], "amount": {"amount_minor": SENT, "currency": "KZT"}}
        shown = {**line, "idempotency_key": key}
        return Deed("transfer.send", shown, self._post("/v1/transfers", body, key), repeats=True)

    async def send_named(self) -> Deed:
        key, [line, _] = str(ids.new()), self._lines()
        found = await self.mine.phone.post("/v1/payees/lookups", {"via": "wallet", "value": line["payee"]})
        body = {"to": found["reference"], "amount": {"amount_minor": SENT, "currency": "KZT"}}
        shown = {**line, "name": found.get("name") or "", "address": found["address"], "idempotency_key": key}
        return Deed("transfer.send_named", shown, self._post("/v1/transfers", body, key), repeats=True)

    async def send_many(self) -> Deed:
        key, lines = str(ids.new()), self._lines()
        shown = {
            "transfers": 2,
            "amount_minor": 2 * SENT,
            "currency": "KZT",
            "transfers_sha256": sha256(lines),
            "idempotency_key": key,
        }
        transfers = [{"to": line["payee"], "amount": {"amount_minor": SENT, "currency": "KZT"}} for line in lines]
        ask = self._post("/v1/transfers/bulk", {"transfers": transfers}, key)
        return Deed("transfer.send_many", shown, ask, repeats=True)

    async def reveal(self) -> Deed:
        key = DeviceKey()
        shown = {"card": self.card["last4"], "card_id": self.card["id"], "device_key": key.thumbprint}
        ask = self._post(f"/v1/cards/{self.card['id']}/reveals", {"device_key": key.public})
        return Deed("card.reveal", shown, ask)

    async def set_pin(self) -> Deed:
        keys = (await self.mine.phone.get("/v1/card-keys"))["keys"]
        written = letter.about_pin(keys, self.card["id"], "5927")
        shown = {**_card(self.card), "letter_sha256": hashlib.sha256(written.encode()).hexdigest()}
        return Deed("card.pin", shown, self._post(f"/v1/cards/{self.card['id']}/pin", {"letter": written}))

    async def unblock_pin(self) -> Deed:
        deed, card = await self.set_pin(), public_ids.parse("card", self.card["id"])
        if (await self.mine.phone.get(f"/v1/cards/{self.card['id']}/pin"))["standing"] == "not_set":
            await deed.ask(await self.mine.phone.step_up(deed.operation, deed.shown))
        async with db.transaction(self.app.state.house.posting) as story:
            await (await story()).execute(_TYPED_WRONG, {"card": card})
        return Deed("card.pin_unblock", _card(self.card), self._post(f"/v1/cards/{self.card['id']}/pin/unblocking", {}))

    async def pay_in_shop(self) -> Deed:
        async with db.transaction(self.app.state.house.api, holder=self.mine.resident, audience="resident") as story:
            card = await change.locked(await story(), public_ids.parse("card", self.card["id"]))
            asked = await challenge.ask(
                await story(),
                card,
                Merchant(name="Dostyk Books", id="M-1001", category="5942", country="KZ"),
                Money(SENT, KZT),
                challenge=ids.new(),
                network="narodnaya",
                transaction=f"ds-{ids.new()}",
                now=clock.real(),
                at=story.now,
            )
        name = public_ids.show("challenge", asked.id)
        shown = {"merchant": "Dostyk Books", "amount_minor": SENT, "currency": "KZT", "card": self.card["last4"]}
        return Deed("card.pay", shown | {"challenge_id": name}, self._post(f"/v1/card-challenges/{name}/approval", {}))

    async def limit(self) -> Deed:
        path = f"/v1/cards/{self.card['id']}"
        before = await self.mine.phone.get(path)
        limits = {"per_payment_max_minor": None, "per_day_max_minor": before["limits"]["per_day_max_minor"] + 100}
        shown = {
            "card": before["last4"],
            "card_id": before["id"],
            "version": before["version"],
            "currency": "KZT",
            **dict.fromkeys(before["limits"], "none"),
            "per_day_max_minor": limits["per_day_max_minor"],
        }

        async def ask(step_up: Json | None) -> httpx.Response:
            etag = f'"{before["version"]}"'
            return await self.mine.phone.call("PATCH", path, body=limits | _with(step_up), headers={"If-Match": etag})

        return Deed("card.limits", shown, ask)

    async def control(self) -> Deed:
        path = f"/v1/cards/{self.card['id']}/controls"
        before = await self.mine.phone.get(f"/v1/cards/{self.card['id']}")
        if not before["controls"]["channels"]["never"]:
            narrow = before["controls"] | {"channels": {"never": ["magstripe"]}}
            told = {"If-Match": f'"{before["version"]}"'}
            before = (await self.mine.phone.call("PUT", path, body={"controls": narrow}, headers=told)).json()
        shown = {**_card(before), "version": before["version"], **dict.fromkeys(before["controls"], "all")}

        async def ask(step_up: Json | None) -> httpx.Response:
            etag = f'"{before["version"]}"'
            body: Json = {"controls": {}} | _with(step_up)
            return await self.mine.phone.call("PUT", path, body=body, headers={"If-Match": etag})

        return Deed("card.controls", shown | {"trips": "none"}, ask)

    async def activate(self) -> Deed:
        card = await self.plastic("shipped")
        return Deed("card.activate", _card(card), self._post(f"/v1/cards/{card['id']}/activate", {}))

    async def address(self) -> Deed:
        card = await self.plastic("ordered")
        shown = {**_card(card), "address": "ANNA SCHMIDT, Hauptstr. 1, 10117 Berlin, DE"}
        body = {"address": ADDRESS | {"lines": ["Hauptstr. 1"]}}

        async def ask(step_up: Json | None) -> httpx.Response:
            return await self.mine.phone.call("PUT", f"/v1/cards/{card['id']}/address", body=body | _with(step_up))

        return Deed("card.address", shown, ask)

    async def allow(self) -> Deed:
        """Be declined abroad by the holder's own choice, and have that one purchase pass."""
        card = await self.mine.phone.get(f"/v1/cards/{self.card['id']}")
        if card["controls"]["countries"]["only"] is None:
            narrow = {"controls": card["controls"] | {"countries": {"only": ["KZ"]}}}
            told = {"If-Match": f'"{card["version"]}"'}
            await self.mine.phone.call("PUT", f"/v1/cards/{card['id']}/controls", body=narrow, headers=told)
        # Another shop each time: what was allowed at one before would pass there.
        shop = f"M-{ids.new().hex[-8:]}"
        merchant = {"name": "Bosphorus Kilims", "id": shop, "category": "5942", "country": "TR"}
        async with outside.client(self.app, self.app.state.house.settings.issuer) as tester:
            asked = {"card_id": card["id"], "amount_minor": 1_00, "merchant": merchant}
            service = keyed(await people.token(self.app, "service"))
            answer = (await tester.post("/v1/sandbox/card-authorizations", json=asked, headers=service)).json()
        shown = {
            **_card(card),
            "merchant": "Bosphorus Kilims",
            "country": "TR",
            "amount_minor": 1_00,
            "currency": "KZT",
            "until": "once",
        }
        return Deed("card.allow", shown, self._post(f"/v1/card-payments/{answer['payment_id']}/allowance", {}))

    async def let_in(self) -> Deed:
        """Look at the code that lets a wallet have the card."""
        found = (await self.mine.phone.get("/v1/card-tokens"))["tokens"]
        if not found:
            await self._asked_by_a_wallet()
            found = (await self.mine.phone.get("/v1/card-tokens"))["tokens"]
        [asked] = found
        shown = {"wallet": asked["wallet"], "token": asked["last4"], "token_id": asked["id"]}
        return Deed("card_token.activate", shown, self._post(f"/v1/card-tokens/{asked['id']}/code", {}))

    async def _asked_by_a_wallet(self) -> None:
        house = self.app.state.house
        async with db.transaction(house.api, holder=self.mine.resident, audience="resident") as story:
            card = await change.locked(await story(), public_ids.parse("card", self.card["id"]))
            asked = token.Asked(
                token=ids.new(),
                network="deeds",
                reference=str(ids.new()),
                requestor="wallet",
                device=token.Device.PHONE,
                last4="0042",
            )
            await token.request(await story(), asked, card, now=clock.real(), at=story.now)

    async def child(self) -> Deed:
        limits = {"per_payment_max_minor": 5_00, "per_day_max_minor": 10_00, "per_month_max_minor": 50_00}
        notice = (await self.mine.phone.get("/v1/cards/notice"))["version"]
        child = {"name": "MIA SCHMIDT", "born_on": "2015-06-01"}
        body = {"child": child, "limits": limits, "accepted_notice": notice}
        shown = {**_card(self.card), **limits, "currency": "KZT"}
        return Deed("card.child", shown, self._post(f"/v1/cards/{self.card['id']}/children", body))

    async def plastic(self, state: str) -> Json:
        """Give a plastic card in `state`, made and sent where it has to be."""
        found = (await self.mine.phone.get("/v1/cards"))["cards"]
        for card in found:
            if (card["form"], card["state"]) == ("plastic", state):
                return dict(card)
        notice = (await self.mine.phone.get("/v1/cards/notice"))["version"]
        body = {"form": "plastic", "accepted_notice": notice, "address": ADDRESS}
        card = dict(await self.mine.phone.post("/v1/cards", body))
        if state == "shipped":
            async with db.transaction(self.app.state.house.api, audience="officer") as story:
                made = await change.locked(await story(), public_ids.parse("card", card["id"]))
                made = await change.turn(await story(), made, Act.PERSONALISE, actor="officer", at=story.now)
                await shipping.ship(await story(), made, carrier="kazpost", tracking=None, actor="o", at=story.now)
        return card

    async def opt_in(self) -> Deed:
        await self.mine.phone.delete("/v1/invest/consent")
        text = await self.mine.phone.get("/v1/invest/consent")
        shown = {"consent_version": text["text_version"], "text_sha256": text["text_sha256"]}
        body = {"text_sha256": text["text_sha256"]}

        async def ask(step_up: Json | None) -> httpx.Response:
            return await self.mine.phone.call("PUT", "/v1/invest/consent", body=body | _with(step_up))

        return Deed("invest.consent", shown, ask, repeats=True)

    async def place(self) -> Deed:
        if not (await self.mine.phone.get("/v1/invest/consent"))["given"]:
            await self.mine.opts_in()
        preview = await self.mine.previews(PRODUCT_TENGE)
        shown = {
            "payee": preview["product"]["bank"],
            "amount_minor": preview["principal"]["amount_minor"],
            "currency": preview["principal"]["currency"],
            "interest_minor": preview["interest"]["amount_minor"],
            "starts_on": preview["starts_on"],
            "matures_on": preview["matures_on"],
            "terms_sha256": preview["product"]["terms_sha256"],
            "preview_id": preview["id"],
        }
        return Deed("invest.confirm", shown, self._post("/v1/invest/placements", {"preview_id": preview["id"]}))

    async def done(self, app: Litestar) -> Json:
        """Count what this resident ever did."""
        [row] = await outside.rows(app.state.house, _DONE, holder=self.mine.resident, wallet=self.mine.wallet)
        found: Json = row._asdict()
        return found

    def _lines(self) -> list[Json]:
        wallets = [public_ids.show("wallet", payee.wallet) for payee in self.payees]
        return [{"amount_minor": SENT, "currency": "KZT", "payee": wallet} for wallet in wallets]

    def _post(self, path: str, body: Json, key: str | None = None) -> Ask:
        async def ask(step_up: Json | None) -> httpx.Response:
            return await self.mine.phone.call("POST", path, body=body | _with(step_up), key=key)

        return ask


#: How often each deed was done, by what it leaves behind.
DEEDS: dict[str, tuple[Callable[[Actor], Awaitable[Deed]], Json]] = {
    "transfer.send": (Actor.send, {"transfers": 1}),
    "transfer.send_named": (Actor.send_named, {"transfers": 1}),
    "transfer.send_many": (Actor.send_many, {"transfers": 2}),
    "card.reveal": (Actor.reveal, {"reveals": 1}),
    "card.pin": (Actor.set_pin, {"pins": 1}),
    "card.pin_unblock": (Actor.unblock_pin, {"unblocked": 1}),
    "card.pay": (Actor.pay_in_shop, {"agreed": 1}),
    "card.limits": (Actor.limit, {"limits": 1}),
    "card.controls": (Actor.control, {"controls": 1}),
    "card.activate": (Actor.activate, {"activations": 1}),
    "card.allow": (Actor.allow, {"allowed": 1}),
    "card_token.activate": (Actor.let_in, {}),
    "card.address": (Actor.address, {"parcels": 1}),
    "card.child": (Actor.child, {"children": 1, "activations": 1}),
    "invest.consent": (Actor.opt_in, {"consents": 1}),
    "invest.confirm": (Actor.place, {"transfers": 1, "placements": 1}),
}

_DONE = """
    SELECT (SELECT count(*) FROM wallet.transfer WHERE debit = :wallet) AS transfers,
           (SELECT count(*) FROM cards.reveal WHERE holder = :holder) AS reveals,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.pin_set') AS pins,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.pin_unblocked') AS unblocked,
           (SELECT count(*) FROM cards.challenge WHERE holder = :holder AND approved) AS agreed,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.limited') AS limits,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.controlled') AS controls,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.activated') AS activations,
           (SELECT count(*) FROM cards.allowance WHERE holder = :holder) AS allowed,
           (SELECT count(*) FROM cards.parcel WHERE holder = :holder) AS parcels,
           (SELECT count(*) FROM cards.bearer WHERE holder = :holder) AS children,
           (SELECT count(*) FROM invest.consent WHERE holder = :holder AND given) AS consents,
           (SELECT count(*) FROM invest.placement WHERE holder = :holder) AS placements,
           (SELECT count(*) FROM app.step_up WHERE subject = :holder AND used_at IS NOT NULL) AS confirmations
"""


_TYPED_WRONG = text("SELECT card_vault.count_pins(ARRAY[CAST(:card AS uuid)], ARRAY[3])")


def sha256(value: object) -> str:
    """Hash a value as the phone would, by RFC 8785 as far as these values need it."""
    canonical = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _card(card: Json) -> Json:
    return {"card": card["last4"], "card_id": card["id"]}


def _with(step_up: Json | None) -> Json:
    return {"step_up": step_up} if step_up else {}
