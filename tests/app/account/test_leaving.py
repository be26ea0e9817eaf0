"""A resident leaves: nothing may be left behind, two weeks to stay, the end, and years later nobody was there."""

import json
from datetime import date, timedelta

import httpx
import pytest
from litestar import Litestar

from app import anchor, house, verify
from app.account import ending, export
from app.http import ids
from app.settings import Settings
from law.calendar import add_months
from simulators.passkey import Passkey, b64
from simulators.phone import Phone, Refused
from tests.app import people as residents
from tests.app.account.people import Leaver, count, house_of, leaver, pass_by, relayed
from tests.app.auth.people import phone

pytestmark = pytest.mark.asyncio

FORTNIGHT = timedelta(days=14, minutes=1)
#: What is left of a person: rows that name an id and no person, with how many the leaver of the story has at least.
STAYS = {
    "SELECT count(*) FROM app.feed WHERE holder = :holder": 10,
    "SELECT count(*) FROM wallet.transfer JOIN wallet.account AS mine ON mine.id IN (debit, credit)"
    " WHERE holder = :holder": 2,
    "SELECT count(*) FROM residency.status WHERE resident = :holder AND state = 'revoked'": 1,
    "SELECT count(*) FROM residency.decision WHERE resident = :holder": 1,
    "SELECT count(*) FROM kyc.case_move WHERE resident = :holder": 5,
    "SELECT count(*) FROM cards.card WHERE holder = :holder": 1,
    "SELECT count(*) FROM app.consent WHERE holder = :holder": 1,
}
GOES = (
    "app.resident_key WHERE holder",
    "app.passkey WHERE subject",
    "app.session WHERE subject",
    "app.refresh WHERE subject",
    "app.step_up WHERE subject",
    "app.contact WHERE subject",
    "app.export WHERE holder",
    "kyc.document WHERE resident",
    "kyc.evidence WHERE resident",
    "kyc.check WHERE resident",
    "kyc.decision WHERE resident",
    "kyc.case_decision WHERE resident",
    "kyc.case WHERE (decided IS NOT NULL OR told <> '{}' OR state <> 'erased') AND resident",
    "residency.comment WHERE resident",
    "residency.application WHERE answers <> '{}' AND resident",
)


async def test_a_resident_leaves(app: Litestar, client: httpx.AsyncClient, settings: Settings) -> None:
    installation = house_of(app)
    async with leaver(app, client, settings, 901) as mine:
        [heir] = await residents.residents(app, 1, start=902)
        await _agrees(mine)
        card = await mine.orders_a_card()

        refused = await mine.closes()
        in_the_way = await mine.phone.get("/v1/me/closure")

        assert (refused.status_code, refused.json()["code"]) == (409, "account_not_empty")
        assert "balance, cards" in refused.json()["detail"]
        assert [each["code"] for each in in_the_way["obstacles"]] == ["balance", "cards"]

        await mine.closes_the_card(card)
        await mine.sends_everything(heir)
        document = await _copy(mine, app)
        assert document["tables"]["kyc.document"][0]["person"]["surname"] == "RAO"

        asked = await mine.closes()
        assert asked.status_code == 202, asked.text
        assert (await mine.phone.call("GET", "/v1/me")).status_code == 401, "sessions are over at once"
        await mine.phone.sign_in()
        stays = await mine.phone.delete("/v1/me/closure")
        assert (stays["state"], stays["obstacles"]) == ("open", [])

        asked = await mine.closes()
        closes_on = date.fromisoformat(asked.json()["closes_on"])
        erases_on = date.fromisoformat(asked.json()["erases_on"])
        assert erases_on == add_months(closes_on, 60)
        assert "191-IV" in asked.json()["kept"][0]["source"]

        assert await ending.step(installation) == 0, "the fortnight is not over"
        await pass_by(installation, FORTNIGHT)
        assert await ending.step(installation) == 1
        assert await _sign_in(mine.phone) == "suspended"
        assert await count(installation, _STATES, holder=mine.resident) == 0

        await pass_by(installation, timedelta(days=365 * 4))
        assert await ending.step(installation) == 0, "the law wants it kept"
        await pass_by(installation, timedelta(days=366))
        assert await ending.step(installation) == 1
        await _nobody_was_there(mine, app, settings)


async def test_the_books_and_the_chain_still_hold(app: Litestar, settings: Settings) -> None:
    installation = house_of(app)
    await relayed(installation)
    assert await anchor.step(installation) == 1

    ledger = verify.ledger(settings.database_url)
    audit = verify.audit(settings.database_url, house.keys(settings).audit.public_jwk)

    assert await count(installation, "SELECT count(*) FROM app.closure WHERE state = 'erased'") == 1
    assert (ledger.findings, ledger.sound) == ((), True)
    assert audit.sound, audit.findings


async def _agrees(mine: Leaver) -> None:
    for each in (await mine.phone.get("/v1/me/consents"))["consents"]:
        await mine.phone.post("/v1/me/consents", {key: each[key] for key in ("purpose", "text_sha256", "language")})


async def _copy(mine: Leaver, app: Litestar) -> dict[str, dict[str, list[dict[str, dict[str, str]]]]]:
    made = await mine.asks_for_a_copy()
    early = await mine.phone.call("POST", f"/v1/me/exports/{made['id']}/download")
    assert (early.status_code, early.json()["code"]) == (409, "export_not_ready")
    assert await export.step(house_of(app)) == 1

    fetched = await mine.phone.call("POST", f"/v1/me/exports/{made['id']}/download")
    again = await mine.phone.call("POST", f"/v1/me/exports/{made['id']}/download")

    assert fetched.status_code == 200
    assert fetched.headers["cache-control"] == "no-store"
    assert (again.status_code, again.json()["code"]) == (409, "export_not_ready")
    found: dict[str, dict[str, list[dict[str, dict[str, str]]]]] = json.loads(fetched.content)
    return found


async def _sign_in(mine: Phone) -> str:
    try:
        await mine.sign_in()
    except Refused as refused:
        return refused.code
    return "signed in"


async def _nobody_was_there(mine: Leaver, app: Litestar, settings: Settings) -> None:
    """Look for the person, who gets the answers of somebody who never was."""
    installation = house_of(app)
    for each in GOES:
        query = f"SELECT count(*) FROM {each} = :holder"  # noqa: S608  literals of GOES
        assert await count(installation, query, holder=mine.resident) == 0, each
    await relayed(installation)
    for query, least in STAYS.items():
        assert await count(installation, query, holder=mine.resident) >= least, query
    async with phone(app, settings) as stranger:
        stranger.passkey = Passkey(settings.rp_id, b64(mine.resident.bytes))
        assert await _sign_in(mine.phone) == await _sign_in(stranger) == "passkey_refused"
    officer = await residents.token(app, "officer")
    statuses = await mine.client.get(
        f"/v1/officer/residents/{ids.show('resident', mine.resident)}/statuses", headers=residents.bearer(officer)
    )
    assert [each["state"] for each in statuses.json()["statuses"]] == ["revoked"]


_STATES = "SELECT count(*) FROM residency.status WHERE resident = :holder AND state <> 'revoked'"
