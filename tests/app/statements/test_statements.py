"""Statements over HTTP: issued, written, checked by anybody, and kept from everybody else."""

import csv
import io
from datetime import timedelta

import httpx
import pytest
from litestar import Litestar
from sqlalchemy import text

from app import clock, db
from app.language import Language
from app.seed import Seeded
from app.statements import days, document, paper
from law.calendar import statutory_date
from tests.app.payments.people import Resident
from tests.app.people import bearer, keyed, residents
from tests.wallet.ledgers import bank, kzt, move, post
from wallet import statement
from wallet.transfer import AccountId

pytestmark = pytest.mark.asyncio
_DAY = timedelta(days=1)


async def funded(app: Litestar, start: int, count: int = 3) -> Seeded:
    """Make a resident whose wallet got some money, in so many transfers beside the first."""
    [me] = await residents(app, 1, start=start)
    house = app.state.house
    source = await bank(house.posting)
    await move(house.money, *(post(source, AccountId(me.wallet), kzt(number)) for number in range(1, count + 1)))
    return me


async def issued(client: httpx.AsyncClient, me: Seeded, begins: int = 0, ends: int = 0) -> httpx.Response:
    """Ask for a statement of some days, counted from today."""
    today = statutory_date(clock.real())
    asked = {"begins_on": (today + begins * _DAY).isoformat(), "ends_on": (today + ends * _DAY).isoformat()}
    return await client.post("/v1/statements", json=asked, headers=keyed(me.access_token))


async def fetched(client: httpx.AsyncClient, me: Seeded, path: str, **query: str) -> httpx.Response:
    return await client.get(f"{path}/document", params=query, headers=bearer(me.access_token))


async def test_a_statement_of_today_says_that_today_is_not_over(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await funded(app, 600)

    answer = await issued(client, me)

    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert (made["state"], made["final"], made["entries"]) == ("ready", False, 4)
    assert made["opening"]["amount_minor"] + made["credits"]["amount_minor"] == made["closing"]["amount_minor"]
    assert answer.headers["location"] == f"/v1/statements/{made['id']}"
    again = await client.get(answer.headers["location"], headers=bearer(me.access_token))
    assert again.json() == made
    page = (await client.get("/v1/statements", headers=bearer(me.access_token))).json()
    assert page["statements"] == [made]


async def test_a_day_that_is_over_is_final_once_its_books_are_closed(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await funded(app, 603, 0)
    early = await issued(client, me, -3, -1)

    while await days.step(app.state.house):
        pass
    late = await issued(client, me, -3, -1)

    assert (early.status_code, early.json()["code"]) == (409, "day_not_closed")
    assert (late.status_code, late.json()["final"], late.json()["entries"]) == (201, True, 0)


@pytest.mark.parametrize("asked", [("2999-01-01", "2999-01-01"), ("2026-05-02", "2026-05-01"), ("0001-01-01",) * 2])
async def test_days_that_make_no_statement_have_a_name(
    app: Litestar, client: httpx.AsyncClient, asked: tuple[str, str]
) -> None:
    [me] = await residents(app, 1, start=606)
    body = dict(zip(("begins_on", "ends_on"), asked, strict=True))

    answer = await client.post("/v1/statements", json=body, headers=keyed(me.access_token))

    assert (answer.status_code, answer.json()["code"]) == (422, "bad_period")


@pytest.mark.parametrize(
    ("format_", "media"),
    [
        ("json", "application/json"),
        ("csv", "text/csv; header=present; charset=utf-8"),
        ("pdf", "application/pdf"),
        ("camt053", "application/xml"),
    ],
)
async def test_a_statement_stays_as_it_was_whatever_happens_later(
    app: Litestar, client: httpx.AsyncClient, format_: str, media: str
) -> None:
    me = await funded(app, 610)
    path = (await issued(client, me)).headers["location"]
    first = await fetched(client, me, path, format=format_, language="kk")

    await funded(app, 610)
    second = await fetched(client, me, path, format=format_, language="kk")

    assert first.status_code == 200, first.text
    assert first.headers["content-type"] == media
    assert first.headers["content-disposition"].startswith("attachment; filename=")
    assert second.content == first.content
    later = await issued(client, me)
    assert later.json()["entries"] > 4


async def test_names_and_messages_are_told_to_both_and_kept_from_the_ledger(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    payer, payee = [Resident(app, client, each) for each in await residents(app, 2, start=690)]
    amount = {"amount_minor": 5}
    to = await payer.reference(payee)
    await payer.post("/v1/transfers", {"to": to, "amount": amount, "message": "For the tickets"})
    body = {"of": await payee.reference(payer), "amount": amount, "message": "x" * 9}
    asked = await payee.post("/v1/money-requests", body)
    await payer.post(f"/v1/money-requests/{asked['id']}/pay", {})

    said = {}
    for who in (payer, payee):
        path = (await issued(client, who.seeded)).headers["location"]
        rows = (await fetched(client, who.seeded, path, format="json", language="en")).json()["rows"]
        said[who] = [(row["label"], row["message"], row["description"]) for row in rows[-2:]]

    names = {who: (await who.get("/v1/me/payee"))["name"] for who in (payer, payee)}
    for who, other in ((payer, payee), (payee, payer)):
        assert [label for label, *_ in said[who]] == [names[other]] * 2
        assert [message for _, message, _ in said[who]] == ["For the tickets", "x" * 9]
        assert all(text.endswith(names[other]) for *_, text in said[who])


async def test_anybody_with_the_paper_can_check_it_and_learns_nothing_else(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    me = await funded(app, 620)
    made = (await issued(client, me)).json()

    told = await client.get(made["verify_url"])

    assert told.status_code == 200
    same = ("begins_on", "ends_on", "final", "opening", "credits", "debits", "closing", "entries", "sha256", "made_at")
    assert told.json() == {"status": "issued", **{name: made[name] for name in same}}
    for wrong in ("0" * 32, "0" * 31, made["id"], "x", made["verify_url"][-32:].upper()):
        other = await client.get(f"/v1/public/statements/{wrong}")
        assert (other.status_code, other.json()["code"]) == (404, "not_found")


async def test_a_browser_is_told_the_same_as_a_page(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await funded(app, 620)
    made = (await issued(client, me)).json()
    asked = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "kk"}

    page = await client.get(made["verify_url"], headers=asked)
    forged = await client.get(f"/v1/public/statements/{'0' * 32}", headers=asked)

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for word in ("issued", "closing", "interim"):
        assert paper.word(word, Language.KK) in page.text
    assert made["sha256"] in page.text
    assert (forged.status_code, paper.word("unknown", Language.KK) in forged.text) == (404, True)


async def test_a_statement_is_its_owners_alone(app: Litestar, client: httpx.AsyncClient) -> None:
    me, other = await funded(app, 630), await funded(app, 631)
    path = (await issued(client, me)).headers["location"]

    for answer in (
        await client.get(path, headers=bearer(other.access_token)),
        await fetched(client, other, path),
        await client.post(
            f"{path}/documents", json={"format": "csv", "language": "en"}, headers=keyed(other.access_token)
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_long_statement_is_read_and_written_by_the_worker(app: Litestar, client: httpx.AsyncClient) -> None:
    me = await funded(app, 640, statement.INLINE_MAX + 500)
    house, asked = app.state.house, {"format": "csv", "language": "ru"}
    made = (await issued(client, me)).json()
    path = f"/v1/statements/{made['id']}"
    early = await fetched(client, me, path, **asked)
    ordered = await client.post(f"{path}/documents", json=asked, headers=keyed(me.access_token))
    unmade = await fetched(client, me, path, **asked)

    assert (made.get("state"), made.get("sha256")) == ("making", None), made
    assert early.json()["code"] == "statement_not_ready"
    assert (ordered.status_code, ordered.json()["state"]) == (202, "making")
    assert unmade.json()["code"] == "statement_not_ready"

    while await document.step(house):
        pass

    ready = (await client.post(f"{path}/documents", json=asked, headers=keyed(me.access_token))).json()
    written = await client.get(ready["href"], headers=bearer(me.access_token))
    assert (ready["state"], ready["size"]) == ("ready", len(written.content))
    assert int(written.headers["content-length"]) == len(written.content)
    assert written.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(written.text)))
    assert len(rows) == statement.INLINE_MAX + 501
    assert await parts(app, me) == (1, 0)
    other = await fetched(client, me, path, format="json", language="ru")
    assert (other.status_code, other.json()["code"]) == (409, "document_not_made")

    await run_out(app, me)
    await document.step(house)

    gone = await client.get(ready["href"], headers=bearer(me.access_token))
    assert (gone.status_code, gone.json()["code"]) == (409, "document_not_made")
    assert await parts(app, me) == (0, 0)


async def parts(app: Litestar, me: Seeded) -> tuple[int, int]:
    """Count the parts that are kept, and those that can be read as they are."""
    query = "SELECT count(*), count(*) FILTER (WHERE position('transfer_' IN body) > 0) FROM wallet.document_part"
    async with db.transaction(app.state.house.worker) as story:
        kept, in_clear = (await (await story()).execute(text(f"{query} WHERE holder = :me"), {"me": me.subject})).one()
    return kept, in_clear


async def run_out(app: Litestar, me: Seeded) -> None:
    """Let the week of every document be over."""
    over = "UPDATE wallet.document SET expires_at = ready_at + interval '1 microsecond' WHERE holder = :me"
    async with db.transaction(app.state.house.worker) as story:
        await (await story()).execute(text(over), {"me": me.subject})
