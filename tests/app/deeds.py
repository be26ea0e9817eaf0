"""The deeds that a passkey confirms, as the app on the phone does them: what it shows, what it asks for."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import httpx
from litestar import Litestar

from app import ids
from app.http import ids as public_ids
from app.seed import Seeded
from tests.partners import outside
from tests.partners.investors import Investor

Json = dict[str, Any]
#: Asks for the deed with a confirmation, under an Idempotency-Key of its own unless one is part of what is shown.
Ask = Callable[[Json | None], Awaitable[httpx.Response]]

SENT = 125_00
PRODUCT_TENGE = 1_000


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
        shown = {"card": self.card["last4"], "card_id": self.card["id"]}
        return Deed("card.reveal", shown, self._post(f"/v1/cards/{self.card['id']}/reveal", {}))

    async def limit(self) -> Deed:
        path = f"/v1/cards/{self.card['id']}"
        before = await self.mine.phone.get(path)
        limits = {"per_payment_max_minor": None, "per_day_max_minor": before["limits"]["per_day_max_minor"] + 100}
        shown = {
            "card": before["last4"],
            "card_id": before["id"],
            "version": before["version"],
            "currency": "KZT",
            "per_payment_max_minor": "none",
            "per_day_max_minor": limits["per_day_max_minor"],
        }

        async def ask(step_up: Json | None) -> httpx.Response:
            etag = f'"{before["version"]}"'
            return await self.mine.phone.call("PATCH", path, body=limits | _with(step_up), headers={"If-Match": etag})

        return Deed("card.limits", shown, ask)

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
    "card.limits": (Actor.limit, {"limits": 1}),
    "invest.consent": (Actor.opt_in, {"consents": 1}),
    "invest.confirm": (Actor.place, {"transfers": 1, "placements": 1}),
}

_DONE = """
    SELECT (SELECT count(*) FROM wallet.transfer WHERE debit = :wallet) AS transfers,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.revealed') AS reveals,
           (SELECT count(*) FROM cards.event WHERE holder = :holder AND kind = 'card.limited') AS limits,
           (SELECT count(*) FROM invest.consent WHERE holder = :holder AND given) AS consents,
           (SELECT count(*) FROM invest.placement WHERE holder = :holder) AS placements,
           (SELECT count(*) FROM app.step_up WHERE subject = :holder AND used_at IS NOT NULL) AS confirmations
"""


def sha256(value: object) -> str:
    """Hash a value as the phone would, by RFC 8785 as far as these values need it."""
    canonical = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _with(step_up: Json | None) -> Json:
    return {"step_up": step_up} if step_up else {}
