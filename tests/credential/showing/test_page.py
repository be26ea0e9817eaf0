"""The page a shown code leads to: without a script, the same for every code, and exactly what was agreed to on it."""

import base64
import hashlib
import html
import re
from html.parser import HTMLParser

import httpx
import pytest

from app.http.public import showing_page
from app.http.showing_views import ShowingVerdict, ShownField
from app.language import Language
from residency.credential.dataset import Kind
from residency.credential.presenting.judging import Conclusion
from residency.credential.presenting.question import QUESTIONS, Answer
from simulators.passkey import Json
from tests.credential import made
from tests.credential.showing.people import NAME, Holder, scan, values

FORM = "application/x-www-form-urlencoded"


class Page(HTMLParser):
    """A page as a browser takes it apart: elements with their attributes, and what is written."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def sent(self) -> dict[str, str]:
        """What its form sends as it stands."""
        return {str(each["name"]): each.get("value") or "" for each in self.of("input")}


async def post(client: httpx.AsyncClient, shown: Json, language: str = "en", **fields: str) -> httpx.Response:
    sent = {"name": NAME, **fields}
    return await client.post(f"/show/{shown['code']}", data=sent, headers={"accept-language": language})


@pytest.mark.asyncio
async def test_the_first_page_is_the_same_for_every_code_and_uses_none_up(
    client: httpx.AsyncClient, holder: Holder
) -> None:
    shown = await holder.shows(fields=["family_name"])
    addresses = (f"/show/{shown['code']}", f"/show/{'A' * 32}", "/show/%F0%9F%92%A5")

    pages = [await client.get(address) for address in addresses for _ in range(2)]

    assert {each.status_code for each in pages} == {200}
    assert len({each.content for each in pages}) == 1
    assert (await post(client, shown)).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("language", list(Language))
async def test_what_was_agreed_to_stands_on_the_page_and_nothing_else(
    client: httpx.AsyncClient, holder: Holder, language: Language
) -> None:
    can = values(await holder.get("/v1/me/showable-fields"))
    shown = await holder.shows(fields=["family_name", "nationality", "age_over_18", "residency_status"])

    answer = await post(client, shown, language)

    page, text = Page(answer.text), html.unescape(answer.text)
    words = showing_page.words(language)
    assert (answer.status_code, answer.headers["content-language"]) == (200, language)
    assert page.of("html") == [{"lang": language}]
    assert {can["family_name"], *can["nationality"], words["yes"], words["e_resident"]} <= set(page.texts)
    assert words["in_force"] in page.texts
    assert not [can[name] for name in ("given_name", "document_number", "birth_date") if can[name] in text]
    assert NAME in text
    [refresh] = [each for each in page.of("meta") if each.get("http-equiv") == "refresh"]
    assert 0 < int(str(refresh["content"]).partition(";")[0]) <= 180


@pytest.mark.asyncio
async def test_a_question_is_answered_on_the_page(client: httpx.AsyncClient, holder: Holder) -> None:
    page = Page((await post(client, await holder.shows(question="over_18"))).text)

    assert page.texts[page.texts.index("18 or older") + 1] == "Yes"


@pytest.mark.asyncio
async def test_the_page_looks_again_by_its_own_form_in_any_language(client: httpx.AsyncClient, holder: Holder) -> None:
    shown = await holder.shows(fields=["family_name"])
    first = Page((await post(client, shown, purpose="check-in")).text)

    again = await client.post(f"/show/{shown['code']}", data={**first.sent, "ui_locales": "kk"})

    assert (again.status_code, again.headers["content-language"]) == (200, "kk")
    assert values(shown)["family_name"] in Page(again.text).texts
    [noted] = [each for each in await holder.verifiers() if each["id"] == shown["id"]]
    assert (noted["verifier"], noted["purpose"]) == (NAME, "check-in")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 101, "a\u202eb", "\x07"], ids=["none", "blank", "long", "turned", "bell"]
)
async def test_who_says_no_name_sees_nothing_and_uses_nothing_up(
    client: httpx.AsyncClient, holder: Holder, name: str
) -> None:
    shown = await holder.shows(fields=["family_name"])

    answer = await post(client, shown, name=name)

    assert answer.status_code == 400
    assert "100 characters" in answer.text
    assert values(shown)["family_name"] not in answer.text
    assert (await scan(client, shown["code"])).status_code == 200


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "kind"), [(b'{"name": "x"}', "application/json"), (b"name=a&name=b", FORM), (b"name=%ff", FORM)]
)
async def test_what_is_no_form_is_asked_again(client: httpx.AsyncClient, body: bytes, kind: str) -> None:
    answer = await client.post(f"/show/{'A' * 32}", content=body, headers={"content-type": kind})

    assert (answer.status_code, answer.headers["content-type"]) == (400, "text/html; charset=utf-8")


# -- what a page may do ------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_no_page_runs_loads_or_keeps_anything(client: httpx.AsyncClient, holder: Holder) -> None:
    shown = await holder.shows(fields=["family_name"])
    answers = [
        await client.get(f"/show/{shown['code']}"),
        await post(client, shown),
        await post(client, {"code": "A" * 32}),
        await post(client, shown, name=""),
    ]

    assert [each.status_code for each in answers] == [200, 200, 404, 400]
    for answer in answers:
        policy = dict(each.split(" ", 1) for each in answer.headers["content-security-policy"].split("; "))
        [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert policy == {
            "default-src": "'none'",
            "style-src": f"'sha256-{hashed}'",
            "img-src": "data:",
            "form-action": "'self'",
            "base-uri": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        elements = Page(answer.text).elements
        assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in elements}
        assert not [name for _, attributes in elements for name in attributes if name.startswith(("on", "style"))]


HOSTILE = '"><script>alert(1)</script>&amp;'


def verdict(**changes: object) -> ShowingVerdict:
    told = {
        "document": Kind.E_RESIDENT,
        "conclusion": Conclusion.ACCEPTED,
        "in_force": True,
        "fields": [],
        "scanned_at": made.AT,
        "age_s": 12,
        "verifier": NAME,
        "verified": False,
        "expires_at": made.AT.replace(minute=33),
        **changes,
    }
    return ShowingVerdict(**told)  # type: ignore[arg-type]  # a table of changes


def written(told: ShowingVerdict, language: Language = Language.EN, **changes: str) -> Page:
    more = {"url": "https://id.example/show/", "session": "s", "purpose": "", **changes}
    return Page(showing_page.told(told, language, at=made.AT, **more).decode())


def test_what_somebody_typed_or_is_called_is_text() -> None:
    shown = [ShownField(name="family_name", label=HOSTILE, value=HOSTILE)]
    places = [
        ShownField(name="place_of_birth", label="", value={"country": HOSTILE}),
        ShownField(name="nationality", label="", value=[HOSTILE]),
        ShownField(name="portrait", label=HOSTILE, value="data:image/jpeg;base64," + HOSTILE),
    ]

    page = written(verdict(fields=[*shown, *places], verifier=HOSTILE), session=HOSTILE, purpose=HOSTILE)

    assert "script" not in {tag for tag, _ in page.elements}
    assert page.texts.count(HOSTILE) == 5
    assert page.sent == {"session": HOSTILE, "name": HOSTILE, "purpose": HOSTILE}


def test_a_name_that_is_a_word_of_the_page_stays_a_name() -> None:
    page = written(verdict(fields=[ShownField(name="family_name", label="Family name", value="yes")]))

    assert page.texts[page.texts.index("Family name") + 1] == "yes"


def test_what_is_not_in_force_is_said_first() -> None:
    page = written(verdict(in_force=False, conclusion=Conclusion.REJECTED))

    assert next(each for each in page.of("p")) == {"class": "bad", "role": "status"}
    assert "NOT in force now" in page.texts


def test_the_page_says_how_old_the_scan_is_and_ends_with_the_code() -> None:
    page = written(verdict())

    assert "2026-11-22 14:30:00 UTC+0500 (12 s ago; the first line was looked up for this page)" in page.texts
    assert {"http-equiv": "refresh", "content": "180;url=?ui_locales=en"} in page.of("meta")


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("language", list(Language))
def test_every_question_has_words(question: str, language: Language) -> None:
    kind = QUESTIONS[question].kind
    page = written(verdict(document=kind, question=question, answer=Answer.NO), language)

    no = showing_page.words(language)["no"]
    assert page.texts[page.texts.index(no) - 1]
    assert question not in page.texts


def test_the_three_languages_say_the_same_things() -> None:
    told = [showing_page.words(language) for language in Language]

    assert told[0].keys() == told[1].keys() == told[2].keys()
    for name in told[0]:
        assert len({tuple(re.findall(r"{\w+}", each[name])) for each in told}) == 1, name
