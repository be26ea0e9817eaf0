"""Two residents who did everything the walls of the database are about, so that there is something to see behind each.

What their real stories leave no row in is filled by hand, one row of theirs in each table; its checks are dropped for
that in the test's own copy of the database, its walls are not.
"""

from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import msgspec
import psycopg
from litestar import Litestar
from sqlalchemy import text

from app import access, clock, db, ids, main, monitoring, remarks, seed, vault
from app import house as house_
from app.account import export
from app.auth import device
from app.banking import bank_statement, errands, order
from app.banking.bank_statement import Statement
from app.banking.order import Act, Change
from app.banking.told import Told
from app.cards import processing
from app.credentials import deferral, presentations
from app.credentials.deferral import Waiting
from app.credentials.presentations import Verifier
from app.house import House
from app.http import ids as ids_
from app.partners import inbox, registry
from app.partners.registry import Kind
from app.partners.webhook import Received
from app.remarks import Written
from app.risk import judging
from app.seed import Seeded
from app.settings import Environment, Settings
from app.statements import days, document
from cards.processing.command import CreateCardholder
from cards.processing.processor import Address, Cardholder
from kyc.cases import appeal, claim, review
from kyc.check import Finding, Verdict
from kyc.risk import exposure
from kyc.risk.exposure import Answer, Errand
from kyc.screening import alert
from law.calendar import statutory_date
from residency import application, comment
from residency.credential.configuration import CONFIGURATIONS
from residency.credential.wallets.grade import Grade
from simulators.passkey import DeviceKey
from tests import postgres
from tests.app import deeds, disputing
from tests.app.papers import deeds as papers
from tests.app.people import bearer, keyed, residents, send, token
from tests.app.risk.relations import DECLARED
from tests.kyc.cases import people as cases
from tests.kyc.listing import entity, put_in_force
from tests.walls import filling
from tests.walls.catalogue import Owner


class Lives(msgspec.Struct, frozen=True):
    """Whose rows are in the database at `url`, and which tables had to be filled by hand."""

    url: str
    keys: Path
    mine: UUID
    theirs: UUID
    filled: frozenset[str] = frozenset()


async def live(url: str, keys: Path) -> Lives:
    """Let two residents live: granted, paid, with a card, a contact, a device, looked at, written about, exported."""
    word = postgres.role_password(url)
    settings = Settings(environment=Environment.TEST, database_url=url, role_password=word, keys=keys)
    issuer = msgspec.structs.replace(settings.issuing_bank, partner="bank-1")
    settings = msgspec.structs.replace(settings, issuing_bank=issuer)
    async with house_.opened(settings) as house:
        app = main.build(settings)
        app.state.house = house
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(cast("Any", app)), base_url=settings.issuer
        ) as client:
            first, second = await residents(app, 2)
            for one, other in ((first, second), (second, first)):
                await _spend(client, one, other)
                await _have_cards(client, app, one)
                await _write(house, one)
                await _name_device(house, one)
                await _message(house, one)
                await _export(house, one)
                await _state(client, house, one)
                await _restrict(client, app, one)
                await _bank(client, house, one)
                await _live_elsewhere(house, one)
                await _bring_papers(client, one)
                await _judge(client, app, house, one)
                await _prove(house, one)
                await _wait(house, one)
                await _show(client, one)
            for one in (first, second):
                await _identify(house, one)
            await _name_on_list(client, app, house, first, second)
    return Lives(url, keys, first.subject, second.subject)


async def _spend(client: httpx.AsyncClient, one: Seeded, other: Seeded) -> None:
    notice = (await client.get("/v1/cards/notice", headers=bearer(one.access_token))).json()["version"]
    assert (await send(client, one, other, 10)).status_code == 201
    paid = {"to": ids_.show("wallet", other.wallet), "amount": {"amount_minor": 1}, "message": "Happy birthday"}
    for path, body in (
        ("/v1/transfers", paid),
        ("/v1/payment-lists", {"items": [{"to": paid["to"], "amount_minor": 1, "reference": "EMP-1"}]}),
        ("/v1/cards", {"accepted_notice": notice}),
        ("/v1/me/credential-offers", {}),
        ("/v1/me/contacts", {"kind": "email", "value": f"anna{one.number}@example.kz"}),
    ):
        answer = await client.post(path, json=body, headers=keyed(one.access_token))
        assert answer.is_success, answer.text


async def _have_cards(client: httpx.AsyncClient, app: Litestar, one: Seeded) -> None:
    """Let this one have a plastic card on its way, and a child who carries another; and there are keys of the cards."""
    mine, officer = keyed(one.access_token), await token(app, "officer", of=seed.OFFICERS[0])
    await client.get("/v1/card-keys", headers=mine)
    notice = (await client.get("/v1/cards/notice", headers=mine)).json()["version"]
    plastic = {"form": "plastic", "accepted_notice": notice, "address": deeds.ADDRESS}
    card = (await client.post("/v1/cards", json=plastic, headers=keyed(one.access_token))).json()["id"]
    await disputing.lives(app.state.house, client, one, card)
    for act in ({"act": "personalise"}, {"act": "ship", "carrier": "kazpost", "tracking": f"RR{one.number}KZ"}):
        moved = await client.post(f"/v1/officer/cards/{card}/parcel-acts", json=act, headers=keyed(officer))
        assert moved.is_success, moved.text
    await client.post(f"/v1/cards/{card}/activate", headers=keyed(one.access_token))
    child = {
        "child": {"name": "MIA SCHMIDT", "born_on": "2015-06-01"},
        "limits": {"per_payment_max_minor": 1, "per_day_max_minor": 1, "per_month_max_minor": 1},
        "accepted_notice": notice,
    }
    made = await client.post(f"/v1/cards/{card}/children", json=child, headers=keyed(one.access_token))
    assert made.is_success, made.text


async def _judge(client: httpx.AsyncClient, app: Litestar, house: House, one: Seeded) -> None:
    """Let this one declare, be judged, be asked about outside, and an officer note something of it."""
    declared = await client.post("/v1/identity/declarations", json=DECLARED, headers=keyed(one.access_token))
    assert declared.is_success, declared.text
    while await judging.step(house):
        pass
    errand = Errand(id=ids.new(), resident=one.subject, kind=exposure.Kind.PEP, attempts=1, rounds=0)
    answer = Answer(vendor="vendor", version="1", threshold=80, matches=())
    async with db.transaction(house.worker, actor="service:exposure", operation="exposure") as story:
        connection, new = await story(), ids.new()
        safe = await vault.look(connection, house.keys.kms, one.subject, access.SCREENING)
        found = safe.seal(b"[]", table="kyc.exposure_answer", column="found", row=new)
        heard = {"new": new, "found": found, "again_at": clock.real(), "actor": "service:exposure", "at": story.now}
        await exposure.heard(connection, errand, answer, **heard)  # type: ignore[arg-type]  # of several types
    officer = await token(app, "officer", of=seed.OFFICERS[0])
    asked = {"resident": ids_.show("resident", one.subject), "what": "band", "band": "low", "reason": "known_better"}
    path, more = "/v1/officer/risk-overrides", {"days": 30, "note": "met in person"}
    proposed = await client.post(path, json=asked | more, headers=keyed(officer))
    assert proposed.is_success, proposed.text


async def _prove(house: House, one: Seeded) -> None:
    """Let somebody ask this one to prove something."""
    wanted, by = presentations.Wanted(question="over_18"), f"service:{one.number}"
    async with db.transaction(house.api, audience="service", actor=by) as story:
        connection, kms, now = await story(), house.keys.kms, clock.real()
        await presentations.ask(connection, kms, house.credentials, wanted, verifier=Verifier(by, "A bank"), now=now)


async def _show(client: httpx.AsyncClient, one: Seeded) -> None:
    """Let this one show a code, and somebody scan it."""
    agreed = {"fields": ["family_name"]}
    shown = await client.post("/v1/me/shown-codes", json=agreed, headers=keyed(one.access_token))
    assert shown.is_success, shown.text
    body = {"code": shown.json()["code"], "name": "Hotel Almaty"}
    scanned = await client.post("/v1/public/shown-codes", json=body)
    assert scanned.is_success, scanned.text


async def _wait(house: House, one: Seeded) -> None:
    """Let a wallet of this one wait for a credential."""
    waiting = Waiting(
        holder=one.subject,
        configuration=CONFIGURATIONS["e_resident_mdoc"],
        device="device",
        grade=Grade.BASIC,
        keys=(DeviceKey().jwk,),
    )
    actor = f"resident:{one.subject}"
    async with db.transaction(house.api, holder=one.subject, audience="resident", actor=actor) as story:
        connection, now = await story(), clock.real()
        await deferral.keep(connection, house.keys.kms, waiting, actor=actor, at=story.now, now=now)


async def _write(house: House, about: Seeded) -> None:
    """Let an officer look at the case and write a comment."""
    async with db.transaction(house.api, audience="officer", actor="officer:1", operation="reviewCase") as story:
        connection = await story()
        [found] = await application.of_resident(connection, about.subject, before=None, limit=1)
        review = await connection.scalar(
            text("SELECT id FROM residency.review WHERE application_id = :id LIMIT 1"), {"id": found.id}
        )
        why = access.case(found.id, waiting=True)
        words = Written("born in 1954", "all is well")
        written = await remarks.sealed(connection, house.keys.kms, about.subject, words, why)
        await comment.store(connection, review, found, written, told=True)


async def _name_device(house: House, owner: Seeded) -> None:
    with connect(house.settings.database_url) as db_:
        named = ids.new()
        filling.fill(db_, "app.passkey", owner.subject, device=str(named), removed_at=None, name=None)
    async with db.transaction(house.api, holder=owner.subject, audience="resident") as story:
        connection = await story()
        await device.rename(connection, house.keys.kms, owner.subject, named, name="Anna's phone", now=clock.real())


async def _export(house: House, one: Seeded) -> None:
    async with db.transaction(house.api, holder=one.subject, audience="resident") as story:
        await export.request(await story(), one.subject, at=story.now)
    assert await export.step(house) == 1


async def _state(client: httpx.AsyncClient, house: House, one: Seeded) -> None:
    """Let this one have a statement, and a document of it that the worker writes."""
    while await days.step(house):
        pass
    today = statutory_date(clock.real()).isoformat()
    asked = {"begins_on": today, "ends_on": today}
    made = await client.post("/v1/statements", json=asked, headers=keyed(one.access_token))
    wanted = {"format": "csv", "language": "en"}
    path = f"{made.headers['location']}/documents"
    assert (await client.post(path, json=wanted, headers=keyed(one.access_token))).status_code == 202
    assert await document.step(house) == 1


async def _restrict(client: httpx.AsyncClient, app: Litestar, who: Seeded) -> None:
    """Let officers restrict this one and hear their appeal, and propose a correction, with words at every step."""
    first, second, third = [await token(app, "officer") for _ in "123"]
    resident, mine = ids_.show("resident", who.subject), "/v1/me/restrictions"

    async def do(by: str, path: str, **body: object) -> Any:  # noqa: ANN401  any JSON
        answer = await client.post(path, json=body, headers=keyed(by))
        assert answer.is_success, answer.text
        return answer.json()

    act = await do(first, "/v1/officer/restrictions", resident=resident, cause="source_of_funds", note="a hint")
    about = (await do(second, f"/v1/officer/restriction-acts/{act['id']}/decision", agree=True))["restriction"]
    await do(who.access_token, f"{mine}/{about}/responses", text="I sold my house")
    appeal = await do(who.access_token, f"{mine}/{about}/appeals", text="It is mine")
    await do(third, f"/v1/officer/appeals/{appeal['id']}/decision", outcome="granted", note="the deed is there")
    correction = {"resident": resident, "kind": "credit", "reason": "goodwill", "evidence": "CASE-1"}
    amount = {"amount_minor": 100, "purpose": "adjustment", "note": "for the trouble"}
    await do(first, "/v1/officer/adjustments", **correction, **amount)


async def _bank(client: httpx.AsyncClient, house: House, one: Seeded) -> None:
    """Let this one save an account to pay to and have one of their own, and their bank hand in a day."""
    code, headers = f"bank-{one.number}", keyed(one.access_token)
    saved = await client.post("/v1/beneficiaries", json={"iban": "KZ86125KZT5004100100", "own": True}, headers=headers)
    assert saved.status_code == 201, saved.text
    opened = await client.post(
        "/v1/bank-accounts", json={"bank": code, "currency": "USD"}, headers=keyed(one.access_token)
    )
    about = ids_.parse("bank_account", opened.json()["id"])
    async with db.transaction(house.worker) as story:
        connection = await story()
        found = (await order.lock(connection, [about]))[about]
        sent = Change(order=found, act=Act.SEND, at=story.now, actor="system")
        [found] = await order.record(connection, [sent])
    told = Told(order_id=found.key, status="done", currency="USD", iban="KZ599990000000000001", bic="DEMOKZKA")
    await errands.conclude(house, found, Act.FINISH, told, actor=f"partner:{found.partner}")
    day = Statement(day=statutory_date(clock.real()), currency="KZT", opening_minor=0, closing_minor=0, entries=[])
    async with db.transaction(house.api, holder=found.partner, audience="public") as story:
        connection = await story()
        bank = await registry.find(connection, code)
        assert await bank_statement.keep(
            connection, house.keys.kms, bank, day, body=b"{}", format_="json", at=story.now
        )


async def _live_elsewhere(house: House, one: Seeded) -> None:
    """Let this one be made known to another processor of cards, which has not answered yet."""
    async with db.transaction(house.api, holder=one.subject, audience="resident") as story:
        connection = await story()
        safe = await vault.of(connection, house.keys.kms, one.subject, story.now)
        home = Address(line1="Unter den Linden 1", city="Berlin", postal_code="01017", country="DE")
        who = Cardholder(id=one.subject, given_names="Anna", surname="Sample", born_on=date(1954, 1, 1), address=home)
        by = {"processor": "stripe", "actor": f"resident:{one.subject}"}
        await processing.ask(connection, safe, CreateCardholder(who), holder=one.subject, **by, at=story.now)


async def _identify(house: House, one: Seeded) -> None:
    """Let two officers refuse to identify this one, each with a note, and this one appeal."""
    await cases.reported(house, one.subject, Finding("person.unique", Verdict.REVIEW))
    for officer in seed.OFFICERS:
        by = f"officer:{officer}"
        operation = "reviewIdentityCase"
        async with db.transaction(house.api, audience="officer", actor=by, operation=operation) as story:
            connection, now, row = await story(), story.now, ids.new()
            held = await cases.locked(connection, one.subject)
            safe = await vault.look(
                connection, house.keys.kms, one.subject, access.identity_case(held.id, waiting=True)
            )
            note = safe.seal(b"It is somebody else.", table="kyc.case_review", column="note", row=row)
            await claim.take(connection, held, officer, id_=ids.new(), at=now)
            refuse = review.Verdict.REFUSE
            opinion = review.Opinion(id=row, officer=officer, verdict=refuse, reason="not_confirmed", note=note)
            await review.give(connection, held, opinion, whole=True, at=now, now=now, by=by)
    async with db.transaction(house.api, holder=one.subject, audience="resident") as story:
        connection, now, row = await story(), story.now, ids.new()
        held = await cases.locked(connection, one.subject)
        safe = await vault.existing(connection, house.keys.kms, one.subject)
        words = safe.seal(b"It is me.", table="kyc.case_appeal", column="words", row=row)
        on = statutory_date(now)
        await appeal.lodge(connection, held, id_=row, words=words, on=on, at=now, by=f"resident:{one.subject}")


async def _bring_papers(client: httpx.AsyncClient, one: Seeded) -> None:
    """Send a file, hand in a paper in it, name a number."""

    async def do(method: str, path: str, body: object) -> None:
        answer = await client.request(method, path, json=body, headers=keyed(one.access_token))
        assert answer.is_success, answer.text

    await papers.lives(client, one, do)


async def _name_on_list(client: httpx.AsyncClient, app: Litestar, house: House, *both: Seeded) -> None:
    """Let a list name people like these, and an officer write why it is not they."""
    people = [seed.person(each.number) for each in both]
    names = [entity(each.number, f"{each.given} {each.surname}", born=("1950",)) for each in people]
    await put_in_force(house, *names)
    while await monitoring.step(house):
        pass
    officer = await token(app, "officer")
    for each in both:
        async with db.transaction(house.worker) as story:
            [about] = await alert.of(await story(), each.subject)
        wanted = {"act": "clear", "reason": "other_birth", "note": "forty years older"}
        path = f"/v1/officer/screening/alerts/{ids_.show('alert', about.id)}/acts"
        answer = await client.post(path, json=wanted, headers=keyed(officer))
        assert answer.is_success, answer.text


async def _message(house: House, one: Seeded) -> None:
    """Let a partner of this one's number write."""
    now, kms = clock.real(), house.keys.kms
    async with db.transaction(house.worker) as story:
        partner = await registry.enrol(
            await story(),
            kms,
            partner=ids.new(),
            code=f"bank-{one.number}",
            name="A bank",
            kind=Kind.BANK,
            base_url=None,
            at=now,
        )
    async with db.transaction(house.api, holder=partner.id, audience="partner") as story:
        received = Received(id="msg_1", at=now)
        await inbox.keep(await story(), kms, partner, received, body=b"{}", now=now)


def connect(url: str, options: str = "") -> Owner:
    """Connect as the address says."""
    return psycopg.connect(postgres.libpq(url), options=options)
