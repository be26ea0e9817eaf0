"""A resident approves a wallet in a real browser, with a passkey that it holds and under the page's own policy."""

import base64
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from litestar import Litestar

from app import main
from app.http.oauth import page as page_
from app.language import Language
from app.settings import Settings
from simulators.passkey import Passkey, unb64
from tests import browser
from tests.app.auth import oauth
from tests.app.auth.oauth import CALLBACK
from tests.app.serving import serving
from tests.browser import Browser, Page

pytestmark = [pytest.mark.asyncio, pytest.mark.skipif(browser.FOUND is None, reason=browser.MISSING)]


@pytest.fixture(scope="module")
def chromium(settings: Settings) -> Iterator[Browser]:
    with (
        serving(main.build(settings), lifespan="on") as port,
        Browser(settings.origins[0], port) as running,
    ):
        yield running


def holds(page: Page, passkey: Passkey, *, used: int) -> None:
    """Give the browser a phone's authenticator with this passkey in it, whose owner is there and says yes."""
    page.do("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    being = {"isUserVerified": True, "automaticPresenceSimulation": True}
    made = page.do("WebAuthn.addVirtualAuthenticator", options=options | being)
    private = passkey._private.private_bytes(  # noqa: SLF001  the browser signs with it
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    credential = {
        "credentialId": base64.b64encode(passkey.id).decode(),
        "isResidentCredential": True,
        "rpId": passkey.rp_id,
        "privateKey": base64.b64encode(private).decode(),
        "userHandle": base64.b64encode(unb64(passkey.user_handle)).decode(),
        "signCount": used,
        "backupEligibility": True,
        "backupState": True,
    }
    page.do("WebAuthn.addCredential", authenticatorId=made["authenticatorId"], credential=credential)


def goes(chromium: Browser, page: Page, button: str) -> str:
    """Press a button; gives where the browser is sent."""
    page.run(f"document.getElementById('{button}').click()")
    chromium.until(lambda: any(each.startswith(CALLBACK) for each in page.asked))
    return next(each for each in page.asked if each.startswith(CALLBACK))


async def test_the_passkey_in_the_browser_approves_what_the_page_shows(
    app: Litestar, client: httpx.AsyncClient, chromium: Browser, settings: Settings
) -> None:
    holder, wallet = await oauth.holder_of(app, settings), await oauth.wallet(app, client)
    for used, (tag, button) in enumerate(zip(Language, ("approve", "approve", "deny"), strict=True)):
        words = page_._WORDS[tag]  # noqa: SLF001  the texts as they are read
        query = urlencode({"client_id": wallet.name, "request_uri": await wallet.pushed(), "ui_locales": tag})
        with chromium.page() as page:
            holds(page, holder.passkey, used=used)
            page.open(f"{settings.origins[0]}/oauth/authorize?{query}")
            page.run(f"new Promise((done) => {{ {_SHOWN} }})")
            shown = page.text
            complaints, sideways = list(page.said), page.overflows

            told = oauth.parameters(goes(chromium, page, button))

        for word in (words["ask"], f"Silk Wallet ({wallet.name})", words["e_resident_sd_jwt"], CALLBACK):
            assert word in shown
        assert (complaints, sideways) == ([], False)
        if button == "deny":
            assert told["error"] == "access_denied"
        else:
            assert (await wallet.redeem(told["code"])).status_code == 200


#: The page asks for what it shows, and then shows it.
_SHOWN = """
    const at = document.getElementById("asking");
    const look = () => at.hidden ? requestAnimationFrame(look) : done();
    look();
"""
