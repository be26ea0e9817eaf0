"""A real browser for pages of ours: Debian's Chromium without a window, spoken to over a pipe (DevTools protocol).

Whoever has none installed skips: `apt-get install chromium-headless-shell`. It sees nothing but this machine.
"""

import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import urlsplit

Json = dict[str, Any]
NAMES = ("chromium-headless-shell", "chromium", "google-chrome")
FOUND = next((found for name in NAMES if (found := shutil.which(name))), None)
MISSING = "needs Chromium: apt-get install chromium-headless-shell"
#: A phone: CSS pixels.
PHONE = (360, 740)
_WITHIN_S = 60
_FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)


#: The protocol is spoken on the descriptors 3 and 4, whatever they were before.
_LAUNCH = """
import fcntl, os, sys
hears, tells = (fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3])
os.dup2(hears, 3)
os.dup2(tells, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Failed(Exception):
    """The browser would not, or a script in a page threw."""


class Page:
    """One page, at the width of a phone. `said` is what the browser complained of, `asked` every address it fetched."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session
        self._loaded = ""
        self.said: list[str] = []
        self.asked: list[str] = []

    def do(self, method: str, **sent: object) -> Json:
        """Send one command of the protocol, and hear of what happened meanwhile."""
        return self._browser.send(method, sent, self)

    def open(self, url: str) -> None:
        """Go there, and wait until all of it is loaded."""
        self.wait_for_load(lambda: self.do("Page.navigate", url=url))

    def click(self, selector: str) -> None:
        """Press what the selector finds; the page it leads to is loaded afterwards."""
        self.wait_for_load(lambda: self.run(f"document.querySelector({json.dumps(selector)}).click()"))

    def type(self, selector: str, text: str) -> None:
        """Write into a field as a person does."""
        self.run(f"document.querySelector({json.dumps(selector)}).focus()")
        self.do("Input.insertText", text=text)

    def run(self, script: str) -> Any:  # noqa: ANN401  what a script gives is anything
        """Evaluate a script in the page, and wait for what it promises."""
        told = self.do("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in told:
            raise Failed(told["exceptionDetails"].get("exception", {}).get("description", "the script threw"))
        return told["result"].get("value")

    @property
    def text(self) -> str:
        """What a person reads."""
        return str(self.run("document.body.innerText"))

    @property
    def overflows(self) -> bool:
        """Whether one has to scroll sideways."""
        return bool(self.run("document.scrollingElement.scrollWidth > window.innerWidth"))

    def hear(self, event: Json) -> None:
        """Note what the browser tells without being asked."""
        told = event["params"]
        if event["method"] == "Log.entryAdded":
            self.said.append(told["entry"]["text"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.said.append(told["exceptionDetails"]["text"])
        elif event["method"] == "Page.lifecycleEvent" and told["name"] == "load":
            self._loaded = told["loaderId"]
        elif event["method"] == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])

    def wait_for_load(self, act: Callable[[], object]) -> None:
        """Do what leads to another document, and wait until that one is loaded."""
        before = self.do("Page.getFrameTree")["frameTree"]["frame"]["loaderId"]
        act()
        self._browser.until(lambda: self._loaded not in {"", before})


class Browser:
    """One running Chromium; use it as a context."""

    def __init__(self, origin: str, port: int) -> None:
        """Lead what is at `origin` to a port of this machine, and everything else nowhere."""
        self._rules = f"MAP {urlsplit(origin).netloc} 127.0.0.1:{port}, MAP * ~NOTFOUND"
        self._pages: dict[str, Page] = {}
        self._numbers = itertools.count(1)
        self._rest = b""
        self._open = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Start it, with a folder of its own."""
        assert FOUND is not None, MISSING
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True))
        (hears, self._into), (self._out, tells) = os.pipe(), os.pipe()
        own = (f"--host-resolver-rules={self._rules}", f"--user-data-dir={folder}")
        self._child = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(hears), str(tells), FOUND, *_FLAGS, *own],
            pass_fds=(hears, tells),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(hears)
        os.close(tells)
        return self

    def __exit__(self, *failure: object) -> None:
        """End it."""
        self._child.kill()
        self._child.wait()
        os.close(self._into)
        os.close(self._out)
        self._open.close()

    @contextlib.contextmanager
    def page(self, *, languages: str = "en") -> Iterator[Page]:
        """Open a page of somebody who shares nothing with others, and reads these `languages`."""
        context = self.send("Target.createBrowserContext", {})["browserContextId"]
        target = self.send("Target.createTarget", {"url": "about:blank", "browserContextId": context})["targetId"]
        session = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session)
        for domain in ("Page", "Log", "Runtime", "Network"):
            page.do(f"{domain}.enable")
        page.do("Page.setLifecycleEventsEnabled", enabled=True)
        width, height = PHONE
        page.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2, mobile=True)
        page.do("Network.setExtraHTTPHeaders", headers={"Accept-Language": languages})
        yield page
        self.send("Target.disposeBrowserContext", {"browserContextId": context})

    def send(self, method: str, sent: Json, page: Page | None = None) -> Json:
        """Send a command, to a page or to the browser itself; gives what it answers."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": sent}
        if page is not None:
            message["sessionId"] = page._session  # noqa: SLF001  its own half
        os.write(self._into, json.dumps(message).encode() + b"\x00")
        while (heard := self._hear()).get("id") != number:
            pass
        if "error" in heard:
            raise Failed(f"{method}: {heard['error']['message']}")
        return dict(heard["result"])

    def until(self, holds: Callable[[], bool]) -> None:
        """Hear what happens until something holds."""
        while not holds():
            self._hear()

    def _hear(self) -> Json:
        """Take one message, an answer or an event; raises Failed where the browser falls silent."""
        while b"\x00" not in self._rest:
            if not select.select([self._out], [], [], _WITHIN_S)[0]:
                raise Failed("the browser says nothing")
            if not (read := os.read(self._out, 1 << 16)):
                raise Failed("the browser ended")
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\x00")
        message: Json = json.loads(line)
        if (page := self._pages.get(message.get("sessionId", ""))) and "method" in message:
            page.hear(message)
        return message
