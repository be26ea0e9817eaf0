"""A form as Stripe reads it: `a[b][0][c]=x` is a tree of text; a file of one in parts is its bytes, as latin-1."""

import re
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl

_PART = re.compile(r"\[([^\]]*)\]")


def read(text: str) -> dict[str, Any]:
    """Read a form, or the query of a request."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        head, _, rest = name.partition("[")
        _put(tree, [head, *_PART.findall(f"[{rest}")] if rest else [head], value)
    found: dict[str, Any] = _lists(tree)
    return found


def parts(body: bytes, kind: str) -> tuple[dict[str, Any], str | None]:
    """Read a form in parts (RFC 7578); answers what its file is called as well."""
    said = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    tree: dict[str, Any] = {}
    named = None
    for part in said.walk():
        if part.is_multipart():
            continue
        content: Any = part.get_payload(decode=True)
        named = part.get_filename() or named
        name = str(part.get_param("name", header="content-disposition"))
        tree[name] = content.decode("latin-1" if part.get_filename() else "utf-8")
    return tree, named


def _put(tree: dict[str, Any], parts: list[str], value: str) -> None:
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
    tree[parts[-1] or str(len(tree))] = value


def _lists(node: Any) -> Any:  # noqa: ANN401  a tree
    if not isinstance(node, dict):
        return node
    if node and all(name.isdigit() for name in node):
        return [_lists(node[name]) for name in sorted(node, key=int)]
    return {name: _lists(each) for name, each in node.items()}
