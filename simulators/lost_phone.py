"""A resident who loses one phone after the other, as seen from outside: over HTTP, with a mailbox and a passport.

Each step says what came of it, or raises, as those of simulators/journey.py do.
"""

from typing import Any, Self
from urllib.parse import quote

import httpx

from simulators import messages
from simulators.facts import Facts, expect
from simulators.house import House
from simulators.journey import somebody
from simulators.patience import PatientPhone, patiently, until
from simulators.phone import Phone, Refused


class LostPhone:
    """The resident with three phones, one after the other. Use it as a context: at the end all connections close."""

    def __init__(self, house: House, address: str) -> None:
        self.first, self.second, self.third = (PatientPhone(house.url("api")) for _ in range(3))
        self.passport = somebody()
        self.address = address
        self._gateway = house.url("messages")
        self._post = httpx.AsyncClient(timeout=30, trust_env=False)
        self._read: set[str] = set()

    async def __aenter__(self) -> Self:
        """Enter."""
        return self

    async def __aexit__(self, *failure: object) -> None:
        """Close the connections."""
        for phone in (self.first, self.second, self.third):
            await phone.__aexit__()
        await self._post.aclose()

    async def sent(self) -> list[dict[str, Any]]:
        """Read the mailbox."""
        where = f"{self._gateway}/messages?to={quote(self.address)}"
        found: list[dict[str, Any]] = (await patiently(lambda: self._post.get(where))).json()["messages"]
        return found

    async def code(self, _: str) -> str:
        """Wait for a code that was not read before."""

        async def latest() -> str | None:
            found = [messages.code(each["text"]) for each in await self.sent()]
            return next((code for code in reversed(found) if code and code not in self._read), None)

        code = await until(latest, lambda found: found is not None)
        assert code is not None, "waited for"
        self._read.add(code)
        return code

    async def settle_in(self) -> Facts:
        """Register, prove an address, show the passport."""
        await self.first.register()
        await self.first.add_contact("email", self.address, self.code)
        scanned = await self.first.post("/v1/identity/documents", self.passport.body())
        expect(scanned["outcome"] != "refused", f"{scanned['outcome']}: {scanned['reasons']}")
        await until(lambda: self.first.get("/v1/identity/standing"), lambda seen: seen["identified"])
        return {"contact": "proved by a code", "identified": "by a passport's chip"}

    async def change_phones(self) -> Facts:
        """Add a second phone; remove the first one from there."""
        await self.first.add_device(self.second)
        devices = (await self.second.get("/v1/me/devices"))["devices"]
        expect([each["this_one"] for each in devices] == [False, True], f"devices {devices}")
        await self.second.remove_device(devices[0]["id"])
        return {"removed": await _shut_out(self.first)}

    async def come_back(self) -> Facts:
        """Lose the second phone too; come back on a third with the code and the passport."""
        await self.third.recover("email", self.address, self.code, self.passport.body())
        left = await _shut_out(self.second)
        standing = await self.third.get("/v1/identity/standing")
        expect(standing["identified"], f"standing {standing}")
        limits = [await _refusal(self.third, *asked) for asked in await self._changes()]
        expect(set(limits) == {"recovery_period"}, f"limits {limits}")
        titles = [each["title"] for each in await until(self.sent, _is_told)]
        return {"the second phone": left, "limits": f"{len(limits)} operations wait a day", "told": titles[-1]}

    async def _changes(self) -> list[tuple[str, dict[str, Any]]]:
        assert self.third.tokens is not None, "recovered"
        return [
            ("device.add", {"account": self.third.tokens.subject}),
            ("contact.remove", {"contact_id": "contact_1", "kind": "email"}),
            ("card.reveal", {"card": "1234", "card_id": "card_1", "device_key": "none"}),
        ]

    async def object(self) -> Facts:
        """Say on the second phone, which turned up in a thief's absence, that it was not its owner who came back."""
        await self.second.contest()
        return {"the third phone": await _shut_out(self.third)}


async def _shut_out(phone: Phone) -> str:
    """Expect that a phone gets nothing any more; gives what it is told."""
    call = await phone.call("GET", "/v1/me")
    expect(call.status_code == httpx.codes.UNAUTHORIZED, f"GET /v1/me answered {call.status_code}")
    try:
        await phone.sign_in()
    except Refused as refused:
        return f"{call.json()['code']}, then {refused.code}"
    raise AssertionError("it signed in")


async def _refusal(phone: Phone, operation: str, shown: dict[str, Any]) -> str:
    try:
        await phone.step_up(operation, shown)
    except Refused as refused:
        return refused.code
    return "allowed"


def _is_told(sent: list[dict[str, Any]]) -> bool:
    return any("recovered" in each["title"] for each in sent)
