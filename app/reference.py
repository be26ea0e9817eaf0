"""The API reference as a page of its own: no script, no style and no font from anywhere else."""

import base64
import hashlib
import html
from typing import Any

from litestar import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a2e}"
    "h2{border-bottom:1px solid #ccd;margin-top:2.5rem}code{background:#eef;padding:.1rem .3rem;border-radius:3px}"
    "details{margin:.4rem 0}summary{cursor:pointer}b{display:inline-block;min-width:4.5rem;color:#0a5}"
    "small{color:#556}"
)
#: The page's own style and nothing else, from nowhere else.
CSP = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class Page(OpenAPIRenderPlugin):
    """Renders the contract for a reader: operations by tag, with scope, summary and answers."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002  Litestar's signature
        """Write the page."""
        sections: dict[str, list[str]] = {}
        for path, item in openapi_schema["paths"].items():
            for method, operation in item.items():
                tag = operation.get("tags", ["Other"])[0]
                sections.setdefault(tag, []).append(_operation(method, path, operation))
        body = "".join(f"<h2>{html.escape(tag)}</h2>{''.join(rows)}" for tag, rows in sorted(sections.items()))
        title = html.escape(openapi_schema["info"]["title"])
        lead = html.escape(openapi_schema["info"]["description"])
        return (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
            f"<h1>{title}</h1><p>{lead}</p><p><a href=/schema/openapi.json>openapi.json</a></p>{body}</html>"
        ).encode()


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    scope = next((scopes[0] for security in operation["security"] for scopes in security.values() if scopes), "public")
    answers = "".join(
        f"<li><code>{status}</code> {html.escape(answer.get('description', 'A problem.'))}</li>"
        for status, answer in sorted(operation["responses"].items())
    )
    return (
        f"<details><summary><b>{method.upper()}</b> <code>{html.escape(path)}</code> "
        f"{html.escape(operation.get('summary', ''))} <small>{html.escape(scope)}</small></summary>"
        f"<p>{html.escape(operation.get('description', ''))}</p><ul>{answers}</ul></details>"
    )
