"""Is the money there? The day is compared, each difference has a name, and a re-run gives the same hash."""

import base64
import hashlib
import json
from datetime import date, timedelta
from typing import Any

import jwt
import msgspec
import pytest
from litestar import Litestar

from app import clock, db
from app.banking import camt053, safeguarding
from app.banking.bank_statement import BadStatement, Entry, Statement, checked
from app.house import House
from app.http import ids
from app.settings import Settings
from law import calendar
from proof import canonical
from simulators import bank_orders
from tests.app import people
from tests.banking.clients import forward, pays_out, run, saves
from tests.kyc import reference
from tests.partners import outside
from tests.partners.investors import investor
from tests.partners.outside import CODE, Outside

Json = dict[str, Any]


async def compared(out: Outside, app: Litestar) -> Json:
    """Let the worker compare, and read the latest as a regulator does."""
    while await safeguarding.step(out.house):
        pass
    api = outside.client(app, out.house.settings.issuer)
    headers = people.bearer(await people.token(app, "regulator"))
    found: list[Json] = (await api.get("/v1/regulator/safeguarding", headers=headers)).json()["comparisons"]
    return found[0]


async def tomorrow(out: Outside) -> str:
    """Let it be one o'clock at night of the next day; gives the day that is over."""
    at = await now(out.house)
    over = calendar.statutory_date(at)
    night = calendar.day_starts(over + timedelta(days=1)) + timedelta(hours=1)
    await forward(out.house, minutes=int((night - at).total_seconds()) // 60)
    return over.isoformat()


async def now(house: House) -> Any:  # noqa: ANN401  an instant
    async with db.transaction(house.api) as story:
        return story.now


@pytest.mark.fresh
@pytest.mark.asyncio
@pytest.mark.parametrize("format_", ["camt.053", pytest.param("json", marks=pytest.mark.nightly)])
async def test_a_day_whose_money_is_there_agrees_and_is_signed(
    app: Litestar, settings: Settings, out: Outside, format_: str
) -> None:
    async with investor(app, settings, 361) as me:
        await out.pays(ids.show("wallet", me.wallet), 5_000, payment_id="P-in")
        await run(out)
        await pays_out(me, await saves(me, out), 1_000, "sg-1")
        await run(out)
        out.bank.books.day = calendar.statutory_date(clock.real()).isoformat()
        day = await tomorrow(out)

        answers = [
            (await out.public.post("/statements", json={"day": day, "format": format_})).json() for _ in range(2)
        ]
        assert [answer["said"]["new"] for answer in answers] == [True, False]
        found = await compared(out, app)

    assert (found["day"], found["outcome"], found["items"]) == (day, "agrees", [])
    assert found["books_minor"] == found["statement_minor"] == 4_000_00
    assert sum(found["owed"].values()) == 4_000_00
    key = (await read(app, settings, "/v1/public/anchors"))["key"]
    assert jwt.get_unverified_header(found["jws"])["typ"] == "safeguarding+jws"
    stated = jwt.decode(found["jws"], jwt.PyJWK(key), algorithms=["EdDSA"], issuer=settings.issuer)
    assert (stated["day"], stated["outcome"], stated["books_minor"]) == (day, "agrees", 4_000_00)
    head, middle, signature = found["jws"].split(".")
    assert hashlib.sha256(outside.base64url(middle)).hexdigest() == found["sha256"]
    for forged in (f"{head}.{changed(middle)}.{signature}", f"{head}.{middle}.{changed(signature)}"):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(forged, jwt.PyJWK(key), algorithms=["EdDSA"])


def changed(part: str) -> str:
    """Change one character of it."""
    middle = len(part) // 2
    return f"{part[:middle]}{'A' if part[middle] != 'A' else 'B'}{part[middle + 1 :]}"


async def read(app: Litestar, settings: Settings, path: str) -> Json:
    """Read what is public."""
    async with outside.client(app, settings.issuer) as anybody:
        found: Json = (await anybody.get(path)).json()
    return found


@pytest.mark.fresh
@pytest.mark.asyncio
async def test_what_the_bank_moved_and_we_have_not_booked_is_named_and_becomes_an_alarm(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 362) as me:
        await out.pays(ids.show("wallet", me.wallet), 5_000, payment_id="P-known")
        await run(out)
        out.bank.books.enter("safeguarding", "KZT", 77_00, "P-never-told")
        day = await tomorrow(out)
        await out.public.post("/statements", json={"day": day})

        found = await compared(out, app)
        [item] = found["items"]
        assert (found["outcome"], item["why"], item["reference"]) == (
            "explained",
            "not_booked_by_us_yet",
            "P-never-told",
        )

        for _ in range(5):
            out.bank.books.day = day = await tomorrow(out)
            await out.public.post("/statements", json={"day": day})
        found = await compared(out, app)
        [item] = found["items"]
        assert (found["outcome"], item["why"]) == ("differs", "never_booked_by_us")
        assert found["unexplained_minor"] == 77_00
        api = outside.client(app, settings.issuer)
        officer = people.bearer(await people.token(app, "officer"))
        alarms = (await api.get("/v1/officer/safeguarding?alarms=true", headers=officer)).json()["comparisons"]
        assert found["day"] in {each["day"] for each in alarms}


@pytest.mark.fresh
@pytest.mark.asyncio
async def test_a_day_without_a_statement_is_an_alarm_until_it_arrives_and_a_rerun_gives_the_same_hash(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 363) as me:
        wallet = ids.show("wallet", me.wallet)
        await out.pays(wallet, 5_000, payment_id="P-1")
        await run(out)
        day = await tomorrow(out)
        assert await safeguarding.step(out.house) == 0, "the bank has its time"
        await forward(out.house, days=1)

        assert (await compared(out, app))["outcome"] == "no_statement"
        await out.public.post("/statements", json={"day": day})
        while await safeguarding.step(out.house):
            pass
        await out.pays(wallet, 9_000, payment_id="P-2")  # what happens later changes nothing
        await run(out)

        kept = await outside.rows(
            out.house, "SELECT * FROM app.safeguarding WHERE day = :day ORDER BY no", day=date.fromisoformat(day)
        )
        assert [row.outcome for row in kept] == ["no_statement", "agrees"]
        middle = kept[1].jws.split(".")[1]
        heads = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))["heads"]
        async with db.transaction(out.house.worker) as story:
            again = await safeguarding.check(
                await story(), kept[1].partner, CODE, date.fromisoformat(day), 2, heads=heads
            )
        stated = canonical.dumps(safeguarding.stated(again, settings.issuer))
        assert hashlib.sha256(stated).digest() == kept[1].sha256


@pytest.mark.fresh
@pytest.mark.asyncio
async def test_a_statement_weeks_late_is_compared_and_days_nobody_looked_at_are_not_left_out(
    app: Litestar, settings: Settings, out: Outside
) -> None:
    async with investor(app, settings, 364) as me:
        await out.pays(ids.show("wallet", me.wallet), 5_000, payment_id="P-weeks")
        await run(out)
        day = date.fromisoformat(await tomorrow(out))
        await forward(out.house, days=1)
        assert (await compared(out, app))["outcome"] == "no_statement"

        await forward(out.house, days=20)
        await out.public.post("/statements", json={"day": day.isoformat()})
        await compared(out, app)

        kept = await outside.rows(out.house, "SELECT day, outcome FROM app.safeguarding ORDER BY day, no")
        assert [row.outcome for row in kept if row.day == day] == ["no_statement", "agrees"]
        days = sorted({row.day for row in kept})
        assert days == [day + timedelta(days=nth) for nth in range((days[-1] - day).days + 1)]
        assert len(days) > 20


@pytest.mark.asyncio
async def test_another_statement_of_the_same_day_is_not_taken(out: Outside) -> None:
    day = "2026-03-03"
    assert (await out.public.post("/statements", json={"day": day, "format": "json"})).json()["answered"] == 200
    out.bank.books.day = day
    out.bank.books.enter("safeguarding", "KZT", 5, "P-later")

    answer = (await out.public.post("/statements", json={"day": day, "format": "json"})).json()

    assert (answer["answered"], answer["said"]["code"]) == (409, "statement_differs")


_DAY = "2026-11-20"
_TOLD = {
    "opening_minor": 100_00,
    "closing_minor": 75_50,
    "entries": [{"amount_minor": 50_00, "reference": "P-1"}, {"amount_minor": -74_50, "reference": "payout_X"}],
}
_GOOD = bank_orders.camt053(_TOLD, _DAY)


def test_a_camt_statement_is_read_as_it_was_written() -> None:
    found = camt053.from_xml(_GOOD.encode())

    assert (found.day, found.currency) == (date(2026, 11, 20), "KZT")
    assert (found.opening_minor, found.closing_minor) == (100_00, 75_50)
    assert found.entries == [Entry(50_00, "P-1"), Entry(-74_50, "payout_X")]
    assert checked(found, date(2026, 11, 20)) is found


@pytest.mark.parametrize(
    ("file", "day", "currency", "entries", "adds_up"),
    [
        ("fi_camt053_v2.xml", "2009-10-29", "EUR", 10, True),
        ("ch_camt053.xml", "2020-11-24", "CHF", 5, False),  # an example of the standard's people, with made-up sums
    ],
)
def test_statements_of_other_banks_are_read(file: str, day: str, currency: str, entries: int, adds_up: bool) -> None:
    found = camt053.from_xml((reference.folder() / "iso20022" / "samples" / file).read_bytes())

    assert (found.day.isoformat(), found.currency, len(found.entries)) == (day, currency, entries)
    moved = sum(entry.amount_minor for entry in found.entries)
    assert (found.opening_minor + moved == found.closing_minor) is adds_up


_BOMB = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
HOSTILE = {
    "a bomb": _GOOD.replace("?>", f"?>{_BOMB}", 1).replace(">P-1<", ">&b;<").encode(),
    "a doctype": _GOOD.replace("?>", '?><!DOCTYPE d SYSTEM "file:///etc/passwd">', 1).encode(),
    "a small doctype": _GOOD.replace("?>", "?><!doctype d>", 1).encode(),
    "another encoding": _GOOD.replace("UTF-8", "UTF-16").encode("utf-16"),
    "an entity": _GOOD.replace(">P-1<", ">&xxe;<").encode(),
    "too much": b"<a>" + b"x" * camt053.BYTES_MAX,
    "very deep": b"<a>" * 100_000,
    "no xml": b"PK\x03\x04",
    "another document": _GOOD.replace("camt.053", "camt.052").encode(),
    "two statements": _GOOD.replace("</Stmt>", "</Stmt><Stmt></Stmt>").encode(),
    "no closing balance": _GOOD.replace("CLBD", "ITBD").encode(),
    "an amount of three digits": _GOOD.replace(">50.00<", ">50.001<").encode(),
    "an exponent": _GOOD.replace(">50.00<", ">5E1<").encode(),
    "another currency": _GOOD.replace('Ccy="KZT">50.00', 'Ccy="USD">50.00').encode(),
    "an amount without a side": _GOOD.replace("CRDT", "BOTH").encode(),
    "a balance without a day": _GOOD.replace(f"<Dt><Dt>{_DAY}</Dt></Dt></Bal>", "</Bal>").encode(),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_xml_is_refused(body: bytes) -> None:
    with pytest.raises(BadStatement):
        camt053.from_xml(body)


@pytest.mark.parametrize(
    "change",
    [{"closing_minor": 75_51}, {"day": "2026-11-19"}, {"currency": "USD"}, {"entries": [{"amount_minor": 0}]}],
    ids=str,
)
def test_what_does_not_add_up_is_no_statement(change: Json) -> None:
    told = {"day": _DAY, "currency": "KZT", **_TOLD, **change}

    with pytest.raises(BadStatement):
        checked(msgspec.convert(told, Statement, strict=False), date(2026, 11, 20))
