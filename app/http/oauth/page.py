"""The page on which a resident approves a wallet: everything in one file, nothing from anywhere else.

Nothing of a request is written into it: the script asks for what is shown and puts it in as text. So there is one page
for each language, and the policy names by their hashes the one script and the one style that may run.
"""

import base64
import hashlib
import html
import tomllib
from functools import cache
from pathlib import Path
from string import Template

import msgspec

from app.language import Language

_FOLDER = Path(__file__).parent


def _file(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


_PAGE, _SCRIPT, _STYLE = Template(_file("page.html")), _file("page.js"), _file("page.css")
_WORDS: dict[str, dict[str, str]] = tomllib.loads(_file("page.toml"))
_ASKING = Template(
    """<section id="asking" hidden><dl>
<dt>$wallet</dt><dd id="wallet"></dd><dt>$gets</dt><dd id="gets"></dd><dt>$goes</dt><dd id="goes"></dd>
</dl><button id="approve" type="button">$approve</button><button id="deny" type="button">$deny</button></section>
<noscript><p>$scripts</p></noscript>
<script type="application/json" id="words">$words</script>
<script>$script</script>"""
)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; script-src {_hash(_SCRIPT)}; style-src {_hash(_STYLE)}; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@cache
def asking(tag: Language) -> bytes:
    """Write the page that opens a request and asks."""
    words = _WORDS[tag]
    # In a script element "<" would begin markup; the JSON means the same without it.
    told = msgspec.json.encode(words).decode().replace("<", "\\u003c")
    shown = {name: html.escape(word) for name, word in words.items()}
    return _written(tag, "wait", _ASKING.substitute(shown, words=told, script=_SCRIPT))


@cache
def over(tag: Language) -> bytes:
    """Write the page for a request that is over, or never was: without a script, and without a way on."""
    return _written(tag, "over", "")


def _written(tag: Language, said: str, asking: str) -> bytes:
    words = {name: html.escape(_WORDS[tag][name]) for name in ("title", said)}
    page = _PAGE.substitute(tag=tag, title=words["title"], said=words[said], style=_STYLE, asking=asking)
    return page.encode()
