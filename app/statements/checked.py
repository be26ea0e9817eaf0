"""The page on which somebody who scanned a statement's code sees what was issued: no script, nothing from anywhere."""

import base64
import hashlib
import html

from app.language import Language
from app.statements import paper
from law.calendar import ALMATY
from wallet.statement import Issued

MEDIA_TYPE = "text/html"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem}"
    "dt{color:#555}dd{margin:0 0 .6rem;overflow-wrap:anywhere}h1{font-size:1.4rem}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CSP = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page(found: Issued | None, language: Language) -> bytes:
    """Write what was issued, to be compared with the paper; None: nothing was."""
    if found is None:
        return _written(language, paper.word("unknown", language), [])
    made = found.made_at.astimezone(ALMATY).isoformat(sep=" ", timespec="minutes")
    days = f"{found.period.begins_on.isoformat()} \u2013 {found.period.ends_on.isoformat()}"
    amounts = {
        "opening": found.opening,
        "credits": found.summed.credits,
        "debits": found.summed.debits,
        "closing": found.closing,
    }
    facts = [
        ("period", days if found.final else f"{days} ({paper.word('interim', language)})"),
        *((name, f"{paper.amount(money, language)} {money.currency}") for name, money in amounts.items()),
        ("entries", str(found.summed.entries)),
        ("made", made),
    ]
    told = [(paper.word(name, language), value) for name, value in facts]
    return _written(language, paper.word("issued", language), [*told, ("SHA-256", found.summed.root.hex())])


def _written(language: Language, said: str, facts: list[tuple[str, str]]) -> bytes:
    title = html.escape(paper.word("title", language))
    listed = "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>" for name, value in facts)
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{html.escape(said)}</p><dl>{listed}</dl></html>\n"
    ).encode()
