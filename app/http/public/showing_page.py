"""The pages a shown code leads to: without a script, with nothing from anywhere else, gone when the code is over.

asking    who scanned it says who they are: the same page for every code
told      what the holder agreed to show; it reloads to the first page when the code ends
over      whatever is the matter with the code
"""

import base64
import hashlib
import html
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from string import Template

from app.http.showing_views import LINE_MAX, ShowingVerdict, ShownField
from app.language import Language
from law.calendar import ALMATY
from residency.credential.presenting.question import QUESTIONS
from residency.credential.showing import field

MEDIA_TYPE = "text/html"
_FOLDER = Path(__file__).parent
_STATUS = "residency_status"
_PORTRAIT = "data:image/jpeg;base64,"
_NAMES = {Language.KK: "Қазақша", Language.RU: "Русский", Language.EN: "English"}


def _file(name: str) -> str:
    return _FOLDER.joinpath(f"showing_page.{name}").read_text(encoding="utf-8")


_PAGE, _STYLE = Template(_file("html")), _file("css")
_WORDS: dict[str, dict[str, str]] = tomllib.loads(_file("toml"))
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@cache
def asking(tag: Language, *, again: bool = False) -> bytes:
    """Write the page that asks who scans, `again` where nothing readable was said."""
    said = _escaped(tag)
    links = "".join(
        f'<a href="?ui_locales={other}" lang="{other}" hreflang="{other}">{name}</a>' for other, name in _NAMES.items()
    )
    content = (
        f"<p>{said['again' if again else 'ask']}</p>"
        f'<form method="post" action="?">{_hidden("ui_locales", tag)}'
        f'<label><span>{said["name"]}</span><input name="name" required maxlength="{LINE_MAX}"'
        ' autocomplete="organization"></label>'
        f'<label><span>{said["purpose"]}</span><input name="purpose" maxlength="{LINE_MAX}"></label>'
        f'<button class="first">{said["see"]}</button></form><nav>{links}</nav>'
    )
    return _page(tag, content)


@cache
def over(tag: Language) -> bytes:
    """Write the page for what is no code, or is one no longer."""
    return _page(tag, f'<p class="bad">{_escaped(tag)["over"]}</p>')


def told(verdict: ShowingVerdict, tag: Language, *, url: str, session: str, purpose: str, at: datetime) -> bytes:
    """Write what the holder agreed to show, as of `at`; `url` is where the real page lives."""
    said = _escaped(tag)
    state = ("good", "in_force") if verdict.in_force else ("bad", "not_in_force")
    scanned = verdict.scanned_at.astimezone(ALMATY).strftime("%Y-%m-%d %H:%M:%S UTC%z")
    facts = [
        *_shown(verdict, tag),
        (said["scanned"], f"{scanned} ({said['ago'].format(seconds=verdict.age_s)})"),
        (said["you"], said["unverified"].format(name=html.escape(verdict.verifier))),
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    kept = {"session": session, "name": verdict.verifier, "purpose": purpose}
    tongues = "".join(
        f'<button name="ui_locales" value="{other}" lang="{other}">{name}</button>' for other, name in _NAMES.items()
    )
    content = (
        f'<p class="{state[0]}" role="status">{said[state[1]]}</p><dl>{listed}</dl>'
        f"<p>{said['compare'].format(url=html.escape(url))}</p>"
        f'<form method="post" action="?">{"".join(_hidden(*each) for each in kept.items())}'
        f'<button class="first" name="ui_locales" value="{tag}">{said["look_again"]}</button>'
        f"<nav>{tongues}</nav></form>"
    )
    left = max(0, -((at - verdict.expires_at) // timedelta(seconds=1)))
    return _page(tag, content, ends=f'<meta http-equiv="refresh" content="{left};url=?ui_locales={tag}">\n')


def _shown(verdict: ShowingVerdict, tag: Language) -> Iterator[tuple[str, str]]:
    """Give what is shown, in HTML."""
    said = _escaped(tag)
    if verdict.answer is not None:
        asked = str(verdict.question)
        name = said.get(asked) or html.escape(field.label(QUESTIONS[asked].element, verdict.document, tag))
        yield name, said[verdict.answer]
    for each in verdict.fields:
        yield html.escape(each.label), _value(each, tag)


def _value(shown: ShownField, tag: Language) -> str:
    value = shown.value
    if isinstance(value, bool):
        return _escaped(tag)["yes" if value else "no"]
    if isinstance(value, dict | list):
        return html.escape(", ".join(map(str, value.values() if isinstance(value, dict) else value)))
    text = str(value)
    if text.startswith(_PORTRAIT):
        return f'<img alt="{html.escape(shown.label)}" src="{html.escape(text)}">'
    return _escaped(tag)[text] if shown.name == _STATUS else html.escape(text)


def words(tag: Language) -> Mapping[str, str]:
    """Give the words of the pages in one language."""
    return _WORDS[tag]


@cache
def _escaped(tag: Language) -> dict[str, str]:
    return {name: html.escape(word) for name, word in words(tag).items()}


def _hidden(name: str, value: str) -> str:
    return f'<input type="hidden" name="{name}" value="{html.escape(value)}">'


def _page(tag: Language, content: str, ends: str = "") -> bytes:
    title = _escaped(tag)["title"]
    return _PAGE.substitute(tag=tag, title=title, style=_STYLE, content=content, ends=ends).encode()
