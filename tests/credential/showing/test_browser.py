"""The pages a shown code leads to, on a phone: a real browser, three languages, nothing that is forbidden."""

from collections.abc import Iterator

import pytest

from app import main
from app.http.public import showing_page
from app.language import Language
from app.settings import Settings
from tests import browser
from tests.app.serving import serving
from tests.browser import Browser
from tests.credential.showing.people import Holder

pytestmark = [pytest.mark.asyncio, pytest.mark.skipif(browser.FOUND is None, reason=browser.MISSING)]
FIELDS = ["family_name", "given_name", "birth_date", "residency_status", "age_over_18", "issuing_authority"]


@pytest.fixture
def chromium(settings: Settings) -> Iterator[Browser]:
    with (
        serving(main.build(settings), lifespan="on") as port,
        Browser(settings.issuer, port) as running,
    ):
        yield running


async def test_who_scans_says_who_they_are_and_reads_what_is_shown(
    chromium: Browser, settings: Settings, holder: Holder
) -> None:
    for tag in Language:
        await reads(chromium, settings, holder, tag)


async def reads(chromium: Browser, settings: Settings, holder: Holder, tag: Language) -> None:
    said = showing_page.words(tag)
    code = (await holder.post("/v1/me/shown-codes", {"fields": FIELDS})).json()["code"]
    with chromium.page(languages=tag) as page:
        page.open(f"{settings.issuer}/show/{code}")
        asked = (page.text, page.overflows)
        page.run("document.querySelector('button.first').click()")  # not sent: the name is missing
        unsaid = page.text
        page.type("input[name=name]", "Отель «Алматы»")
        page.click("button.first")
        first = (page.text, page.overflows)
        page.click("button.first")
        again = page.text
        page.click(f"nav button:not([value={tag}])")
        other = page.run("document.documentElement.lang")

        assert said["ask"] in asked[0]
        assert unsaid == asked[0]
        for word in (said["in_force"], said["e_resident"], "Отель «Алматы»", "UTC+0500"):
            assert word in first[0]
        assert said["in_force"] in again
        assert other != tag
        assert (asked[1], first[1], page.run("document.scripts.length")) == (False, False, 0)
        assert page.said == []
        assert {each.partition("?")[0] for each in page.asked} == {f"{settings.issuer}/show/{code}"}

    with chromium.page(languages=tag) as page:
        page.open(f"{settings.issuer}/show/{code}")
        page.type("input[name=name]", "X")
        page.click("button.first")
        assert said["over"] in page.text


async def test_a_style_that_the_policy_does_not_name_is_complained_of(chromium: Browser, settings: Settings) -> None:
    """A planted defect: what is asked of the pages above can be missed."""
    with chromium.page() as page:
        page.open(f"{settings.issuer}/show/A")
        page.run("document.querySelector('main').setAttribute('style', 'width: 2000px')")
        page.run("document.querySelector('style').textContent += 'main{min-width:2000px}'")
        page.run("new Promise((done) => setTimeout(done, 0))")

        assert any("Content Security Policy" in each for each in page.said)
