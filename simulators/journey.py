"""One e-resident's life, step by step, as everybody outside lives it: over HTTP, with a phone, from officers' desks.

`make demo` prints it, tests/journeys/ prove it; both run these very steps. Each step says what came of it in a few
facts, or raises: `Unexpected` where the answer is not the right one. What got no answer is asked again under the same
key, so a step survives the death of any process it talks to.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple, Self

import httpx

from simulators import abroad, banking, passport
from simulators.facts import Facts, expect, pretty, tenge
from simulators.house import DidNotStart, House
from simulators.letter import DeviceKey
from simulators.patience import Desk, PatientPhone, patiently, through, until
from simulators.phone import Call, Refused
from simulators.wallet_app import Held, WalletApp, present
from simulators.world import BANK, PASSPORTS

#: The passport specimen of a real country, where somebody keeps one beside the project. Its chip is genuine and old.
SPECIMEN = Path("../shared/data/emrtd/bsi2008")
HAS_SPECIMEN = SPECIMEN.is_dir()

PAID_IN_MINOR = 500_000_00
BOUGHT_MINOR = 12_500_00
_UNDECIDED: dict[str, Any] = {"accepted": False, "checks": []}

Record = Callable[[Call], None]


class Step(NamedTuple):
    """One step: what the resident does, in words and in calls."""

    title: str
    act: Callable[["Journey"], Awaitable[Facts]]


class Journey:
    """One resident and those who serve them. Use it as a context: at the end all connections close."""

    def __init__(self, house: House, record: Record | None = None) -> None:
        self.house = house
        self.phone = PatientPhone(house.url("api"), record=record)
        self.held: Held | None = None
        self.card: dict[str, Any] = {}
        self._record = record
        self._outside = httpx.AsyncClient(timeout=30, trust_env=False)

    async def __aenter__(self) -> Self:
        """Enter."""
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Close the connections."""
        await self.phone.__aexit__()
        await self._outside.aclose()

    async def desk(self, role: str, name: str) -> Desk:
        """Seat somebody with a token minted by the operator: an officer, a regulator, a service."""
        mint = partial(asyncio.to_thread, self.house.token, role, name)
        token = await through(mint, lost=DidNotStart)  # the database may be starting
        return Desk(self.house.url("api"), token, self._record)

    # -- the steps -----------------------------------------------------------------------------------------------------

    async def register(self) -> Facts:
        """Register the phone: a passkey, a device key, tokens bound to it; agree to what the app asks for."""
        tokens = await self.phone.register()
        me = await self.phone.get("/v1/me")
        expect(me["id"] == tokens.subject and me["role"] == "resident", f"registered as {me}")
        asked = (await self.phone.get("/v1/me/consents"))["consents"]
        for text in asked:
            words = {name: text[name] for name in ("purpose", "text_sha256", "language")}
            expect((await self.phone.post("/v1/me/consents", words))["given"], f"{text['purpose']} was not given")
        return {
            "resident": me["id"],
            "may": f"{len(me['scopes'])} scopes, until {me['session']['expires_at']}",
            "agreed": ", ".join(text["purpose"] for text in asked),
        }

    async def scan_passport(self) -> Facts:
        """Scan the resident's passport; before that, on another phone, the specimen where there is one."""
        facts = await self._scan_specimen() if HAS_SPECIMEN else {}
        scanned = await self.phone.post("/v1/identity/documents", somebody().body())
        expect(scanned["outcome"] != "refused", f"{scanned['outcome']}: {scanned['reasons']}")
        # Approved once the vendor has said who holds no public office.
        standing = await until(lambda: self.phone.get("/v1/identity/standing"), lambda seen: seen["identified"])
        expect(standing["level"] == "chip", f"standing {standing}")
        passed = sum(check["verdict"] == "pass" for check in scanned["checks"])
        return facts | {
            "passport": f"{scanned['issuer']} {scanned['format']}, chip {scanned['grade']}",
            "checks": f"{passed} of {len(scanned['checks'])} passed",
            "identified": f"by {standing['level']}, until {standing['document_expires']}",
        }

    async def _scan_specimen(self) -> Facts:
        async with PatientPhone(self.house.url("api"), record=self._record) as visitor:
            await visitor.register()
            seen = await visitor.post("/v1/identity/documents", passport.specimen(SPECIMEN).body())
        expect(seen["outcome"] != "identified", "nobody is identified by a specimen that expired")
        reasons = ", ".join(seen["reasons"])
        return {"specimen": f"{seen['issuer']} {seen['format']}, chip {seen['grade']}: {seen['outcome']} ({reasons})"}

    async def become_e_resident(self) -> Facts:
        """Apply; the pipeline checks; two officers approve; the status is assigned."""
        begun = await self.phone.post("/v1/applications", {"service": "eresidency.assign"})
        case = f"/v1/applications/{begun['id']}"
        answers = {"purpose": "investment", "data_consent": True, "rules_accepted": True}
        drafted = await self.phone.call("GET", case)
        version = {"If-Match": drafted.headers["etag"]}
        await self.phone.call("PUT", f"{case}/answers", body={"answers": answers}, headers=version)
        filed = await self.phone.post(f"{case}/submit")
        await until(lambda: self.phone.get(case), lambda seen: seen["state"] == "in_review")
        await self._approve(begun["id"])
        granted = await until(lambda: self.phone.get(case), lambda seen: seen["state"] == "granted")
        statuses = (await self.phone.get("/v1/me/statuses"))["statuses"]
        expect([each["kind"] for each in statuses] == ["e_resident"], f"statuses {statuses}")
        number = statuses[0]["identifiers"][0]
        timeline = (await self.phone.get(f"{case}/timeline"))["entries"]
        return {
            "receipt": filed["receipt"],
            "status": f"e_resident, {number['scheme']} {number['value']}",
            "timeline": " → ".join(entry["fact"].removeprefix("application.") for entry in timeline),
            "decided": granted["decision"]["decided_at"],
        }

    async def _approve(self, case: str) -> None:
        """Let one officer try alone, then two decide."""
        seats = await asyncio.gather(self.desk("officer", "A. Serik"), self.desk("officer", "B. Aliya"))
        async with seats[0] as first, seats[1] as second:
            seen = await first.get(f"/v1/officer/cases/{case}")
            expect(seen["document"] and seen["checks"], f"the officer sees {seen}")
            opinion = {"decision": "approve", "comment_internal": "Document and checks are in order."}
            half = await first.post(f"/v1/officer/cases/{case}/reviews", opinion)
            expect(half["state"] == "second_review", f"one officer alone made it {half['state']}")
            decided = await second.post(f"/v1/officer/cases/{case}/reviews", opinion)
            expect(decided["state"] == "granted", f"two officers approved, but {decided['state']}")

    # -- credential ----------------------------------------------------------------------------------------------------

    async def take_credential(self) -> Facts:
        """Fetch the resident's ID into a wallet's own key and show two claims of it to a stranger."""
        async with WalletApp(record=self._record) as wallet:
            self.held = await through(lambda: self._accept(wallet))
        seen = await self.show()
        failed = [check["name"] for check in seen["checks"] if check["outcome"] != "passed"]
        expect(seen["accepted"] and not failed, f"the verifier objects: {failed}")
        root = await self.ask("GET", "verifier", "/root")
        held = self.held
        return {
            "credential": f"{held.claims['vct']}, {len(held.disclosures)} disclosures, all concealed until shown",
            "shown": pretty({key: seen["claims"][key] for key in ("residency_status", "age_equal_or_over")}),
            "verifier": f"{len(seen['checks'])} checks passed, trusting root {root['sha256'][:16]}… alone",
        }

    async def _accept(self, wallet: WalletApp) -> Held:
        offer = await self.phone.post("/v1/me/credential-offers", {})
        return (await wallet.accept(offer["offer_uri"]))[0]

    async def show(self) -> Any:  # noqa: ANN401  a verdict
        """Show two claims of what was taken to the verifier, until it has made up its mind."""
        return await until(
            self._shown, lambda seen: seen["accepted"] or any(check["outcome"] == "failed" for check in seen["checks"])
        )

    async def _shown(self) -> Any:  # noqa: ANN401  a verdict
        assert self.held is not None, "nothing was taken yet"
        claims = [["residency_status"], ["age_equal_or_over", "18"]]
        request = await self.ask("POST", "verifier", "/requests", {"claims": claims})
        shown = present(self.held, claims, audience=request["audience"], nonce=request["nonce"])
        answer = f"/requests/{request['id']}/presentation"
        try:
            return await self.ask("POST", "verifier", answer, {"presentation": shown})
        except httpx.HTTPStatusError as refused:
            # A verifier that was killed has forgotten what it asked for, and asks anew.
            if refused.response.status_code != HTTPStatus.NOT_FOUND:
                raise
            return _UNDECIDED

    # -- money ---------------------------------------------------------------------------------------------------------

    async def receive_money(self) -> Facts:
        """Open a wallet; the bank reports one payment three times; it arrives once."""
        opened = await self.phone.post("/v1/wallets")
        payment = {
            "payment_id": f"P-{secrets.token_hex(8)}",
            "reference": opened["id"],
            "amount_minor": PAID_IN_MINOR,
            "payer": {"name": "Lucia Rivera", "country": "ES"},
            "repeat": 3,
        }
        told = await self.ask("POST", "bank", "/incoming-payments", payment)
        copies = await until(
            lambda: self._copies(told["webhook_id"]), lambda seen: all(copy["outcome"] for copy in seen)
        )
        wallet = await until(self._wallet, lambda seen: seen["version"] > 0)
        expect(wallet["available"]["amount_minor"] == PAID_IN_MINOR, f"the wallet holds {wallet['available']}")
        entries = (await self.phone.get("/v1/wallets/me/entries"))["entries"]
        expect(len(entries) == 1, f"one payment made {len(entries)} entries")
        return {
            "wallet": opened["id"],
            "webhook": f"{len(copies)} copies sent, answered {', '.join(copy['outcome'] for copy in copies)}",
            "received": tenge(wallet["available"]) + ", once",
        }

    async def _wallet(self) -> Any:  # noqa: ANN401  a wallet
        return await self.phone.get("/v1/wallets/me")

    async def _copies(self, webhook_id: str) -> list[Any]:
        messages = (await self.ask("GET", "bank", "/messages"))["messages"]
        return next(message["copies"] for message in messages if message["id"] == webhook_id)

    async def shop(self) -> Facts:
        """Order a card, buy, have it cleared; then try to buy more than there is."""
        before = (await self._wallet())["available"]["amount_minor"]
        notice = await self.phone.get("/v1/cards/notice")
        self.card = card = await self.phone.post("/v1/cards", {"accepted_notice": notice["version"]})
        number = await until(lambda: self._look(card), lambda seen: seen is not None)
        bought = await self._buy(number, BOUGHT_MINOR, "Dostyk Books")
        expect(bought["approved"], f"declined: {bought}")
        cleared = await self._clear(bought["id"])
        expect(cleared["approved"], f"not cleared: {cleared}")
        refused = await self._buy(number, before, "Altyn Jewellers")
        expect(refused["code"] == "51", f"answered {refused}")  # field 39: not sufficient funds
        after = await self._wallet()
        expect(after["available"]["amount_minor"] == before - BOUGHT_MINOR, f"the wallet holds {after['available']}")
        payments = (await self.phone.get(f"/v1/cards/{card['id']}/payments"))["payments"]
        declined = next(payment for payment in payments if payment["declined_for"])
        return {
            "card": f"virtual, ends in {card['last4']}, until {card['expires_on']}, {card['issuance_basis']}",
            "bought": f"{tenge(payments[-1]['taken'])} at {payments[-1]['merchant']['name']}, {payments[-1]['status']}",
            "declined": f"{tenge(declined['asked'])}: {declined['declined_for'][0]['text']}",
            "left": tenge(after["available"]),
        }

    async def _look(self, card: dict[str, Any]) -> Any:  # noqa: ANN401  a number, or nothing
        """Look at the number. Each look is confirmed, one whose answer was lost too: then it is confirmed again."""
        key = DeviceKey()
        shown = {"card": card["last4"], "card_id": card["id"], "device_key": key.thumbprint}
        seen = await self.phone.step_up("card.reveal", shown)
        try:
            look = await self.phone.post(f"/v1/cards/{card['id']}/reveals", {"device_key": key.public, "step_up": seen})
            number = key.open((await self.phone.post(f"/v1/card-reveals/{look['id']}/number"))["jwe"])
        except Refused as refused:
            if refused.code not in {"step_up_required", "look_spent"}:
                raise
            return None
        return {name: number[name] for name in ("pan", "expiry", "cvv2")}

    async def go_abroad(self) -> Facts:
        """Be declined in another country, allow it, pay there, and have a wrong amount charged back."""
        number = await until(lambda: self._look(self.card), lambda seen: seen is not None)
        return await abroad.use(self.phone, self.card["id"], partial(self._buy, number), self._clear)

    async def _buy(self, number: dict[str, str], minor: int, merchant: str, country: str = "KZ") -> Any:  # noqa: ANN401  a purchase
        """Swipe, again for as long as the shop hears that the issuer can't be reached (field 39 of ISO 8583: 91)."""

        async def swipe() -> Any:  # noqa: ANN401  a purchase
            told = {**number, "amount_minor": minor, "merchant": merchant, "country": country}
            told |= {"purchase_id": secrets.token_hex(8)}
            return await self.ask("POST", "card_network", "/purchases", told)

        return await until(swipe, lambda seen: seen["code"] != "91")

    async def _clear(self, purchase: str) -> Any:  # noqa: ANN401  a purchase
        path = f"/purchases/{purchase}/clear"
        return await until(lambda: self.ask("POST", "card_network", path, {}), lambda seen: seen["code"] != "91")

    async def bank(self) -> Facts:
        """Pay out, exchange, and have a statement that a stranger checks."""
        return await banking.use(self.phone, self._outside, BANK)

    async def invest(self) -> Facts:
        """Opt in, preview a deposit, confirm what is shown with the passkey; the bank confirms; the position shows."""
        text = await self.phone.get("/v1/invest/consent")
        expect(not text["given"], "nobody is in by default")
        read = {"consent_version": text["text_version"], "text_sha256": text["text_sha256"]}
        agreement = {"text_sha256": text["text_sha256"], "step_up": await self.phone.step_up("invest.consent", read)}
        agreed = await self.phone.call("PUT", "/v1/invest/consent", body=agreement)
        expect(agreed.is_success and agreed.json()["given"], f"opting in answered {agreed.text}")
        product = (await self.phone.get("/v1/invest/products"))["products"][0]
        amount = max(product["minimum_minor"], product["step_minor"])
        asked = {"product_id": product["id"], "amount_minor": amount}
        preview = await self.phone.post("/v1/invest/previews", asked)
        confirm = preview["confirm"]
        step_up = await self.phone.step_up(confirm["operation"], confirm["shown"])
        placed = await self.phone.post("/v1/invest/placements", {"preview_id": preview["id"], "step_up": step_up})
        where = f"/v1/invest/placements/{placed['id']}"
        booked = await until(lambda: self.phone.get(where), lambda seen: seen["state"] != "processing")
        positions = (await self.phone.get("/v1/invest/positions"))["positions"]
        expect([each["placement"]["id"] for each in positions] == [placed["id"]], f"{booked['state']}: {positions}")
        return {
            "consent": f"text {text['text_version']}, {text['text_sha256'][:16]}…",
            "deposit": f"{tenge(booked['principal'])} at {booked['bank']}, {preview['days']} days at {product['rate']}",
            "confirmed": f"{len(confirm['shown'])} lines with the passkey, by the bank as {booked['bank_reference']}",
            "position": f"{booked['state']}, pays {tenge(preview['total'])} on {booked['matures_on']}",
        }

    async def report(self) -> Facts:
        """Let the regulator fetch the sandbox report twice, as of one instant."""
        seats = await asyncio.gather(self.desk("service", "operator"), self.desk("regulator", "National Bank"))
        async with seats[0] as operator, seats[1] as regulator:
            now = (await operator.get("/v1/sandbox/clock"))["now"]
            reports = [await self._settled(regulator, now) for _ in range(2)]
        first, second = (report["manifest"] for report in reports)
        expect(first == second and reports[0]["rows"] == reports[1]["rows"], f"{first} is not {second}")
        return {
            "as of": f"{first['as_of']}, feed position {first['position']}",
            "rows": f"{first['rows']} under {first['regime']['phase']} {first['regime']['basis']}",
            "sha256": f"{first['sha256']}, twice",
        }

    async def _settled(self, regulator: Desk, as_of: str) -> Any:  # noqa: ANN401  a report
        """Fetch the report as of an instant, once all that happened up to it has reached the feed."""

        async def fetch() -> Any:  # noqa: ANN401  a report, or nothing yet
            try:
                return await regulator.get("/v1/regulator/reports/sandbox", as_of=as_of)
            except Refused as refused:
                if refused.code != "as_of_not_settled":
                    raise
                return None

        return await until(fetch, lambda report: report is not None)

    # -- the outside world ---------------------------------------------------------------------------------------------

    async def ask(self, method: str, who: str, path: str, body: object = None) -> Any:  # noqa: ANN401  any JSON
        """Ask a simulator, until it answers."""
        started = time.perf_counter()
        answer = await patiently(lambda: self._outside.request(method, self.house.url(who) + path, json=body))
        answer.raise_for_status()
        if self._record is not None:
            self._record(Call(method, f"{who} {path}", answer.status_code, (time.perf_counter() - started) * 1_000))
        return answer.json()


STEPS = (
    Step("A phone registers", Journey.register),
    Step("A passport is scanned", Journey.scan_passport),
    Step("E-residency is applied for, checked, approved under four eyes", Journey.become_e_resident),
    Step("A signed credential is taken and shown", Journey.take_credential),
    Step("Money comes in, once, though it is reported three times", Journey.receive_money),
    Step("A card is ordered and used", Journey.shop),
    Step(
        "A card is declined abroad, allowed there with one tap, and a wrong amount is charged back", Journey.go_abroad
    ),
    Step("Money is paid out and exchanged, and a stranger checks the statement", Journey.bank),
    Step("A deposit is placed", Journey.invest),
    Step("The regulator reads the report", Journey.report),
)


def somebody() -> passport.Passport:
    """Make up a person and their passport; nobody twice, since who opens a second account is looked at by people."""
    return PASSPORTS.issue(
        surname=secrets.choice(("RIVERA", "OKAFOR", "LINDGREN", "HADDAD", "NAKAMURA", "KOWALSKI")),
        given=secrets.choice(("LUCIA", "ADA", "NORA", "LEILA", "HANA", "EWA")),
        born=date(1961, 1, 1) + timedelta(days=secrets.randbelow(16_000)),
        sex="F",
        number=f"X{secrets.randbelow(10**8):08d}",
        expires=date(2034, 5, 1),
    )
