"""The contract as a table: every operation with who may call it, and where its ids of people's things stand.

A path parameter `card_id` takes an id `card_…`; in a body every text of that form, found in the example, is one. A new
operation is therefore in every harness as soon as it is in the contract.
"""

import functools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from litestar import Litestar

from app.auth import scopes
from app.auth.principal import ROLES, Role

#: How an id looks outside, see app/http/ids.py.
ID = re.compile(r"([a-z][a-z_]*)_[0-7][0-9A-HJKMNP-TV-Z]{25}(?![0-9A-Z])")

_METHODS = ("get", "put", "post", "patch", "delete")

Json = dict[str, Any]
Pick = Callable[[str], str]


class Operation(msgspec.Struct, frozen=True):
    """One operation. `scope` is None where anybody may call; `body` is the example of the contract."""

    name: str
    method: str
    path: str
    scope: str | None
    parameters: tuple[str, ...]
    form: str | None
    body: Any

    @property
    def roles(self) -> frozenset[Role]:
        """Who may hold the scope; everybody where there is none."""
        return scopes.SCOPES[self.scope] if self.scope else frozenset(ROLES)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of ids it takes, in path and body."""
        return frozenset(kind for name in self.parameters if (kind := kind_of(name))) | self.body_kinds

    @property
    def body_kinds(self) -> frozenset[str]:
        """The kinds of ids in the body."""
        return frozenset(match[1] for match in ID.finditer(json.dumps(self.body))) - {"step_up"}

    def filled(self, pick: Pick, named: Callable[[str], str]) -> tuple[str, Any]:
        """Give path and body with every id picked by its kind, every other path parameter by its name."""
        path, body = self.path, json.loads(ID.sub(lambda match: pick(match[1]), json.dumps(self.body)))
        if isinstance(body, dict):
            body.pop("step_up", None)  # waived for minted tokens; whose it must be is tests/app/auth/test_stepup.py
        for name in self.parameters:
            kind = kind_of(name)
            path = path.replace(f"{{{name}}}", pick(kind) if kind else named(name))
        return path, body


def kind_of(parameter: str) -> str | None:
    """Name the kind of id a path parameter takes; None for one that is no id of a thing."""
    return parameter.removesuffix("_id") if parameter.endswith("_id") else None


def ids_in(text: str) -> Iterator[tuple[str, str]]:
    """Find the ids in an answer, each with its kind."""
    return ((match[1], match[0]) for match in ID.finditer(text))


@functools.cache
def schema(app: Litestar) -> Json:
    """Give the contract of `app`, as it is served and as docs/openapi.json keeps it; not to be changed."""
    found: Json = msgspec.json.decode(msgspec.json.encode(app.openapi_schema.to_schema()))
    return found


@functools.cache
def operations(app: Litestar) -> tuple[Operation, ...]:
    """List every operation of the contract."""
    return tuple(
        _operation(path, method, described)
        for path, methods in schema(app)["paths"].items()
        for method, described in methods.items()
        if method in _METHODS
    )


def _operation(path: str, method: str, described: Json) -> Operation:
    needed = [scope for one in described.get("security") or [] for held in one.values() for scope in held]
    content = described.get("requestBody", {}).get("content", {})
    form: str | None = next(iter(content), None)
    media: Json = content.get(form, {})
    return Operation(
        name=described["operationId"],
        method=method.upper(),
        path=path,
        scope=needed[0] if needed else None,
        parameters=tuple(re.findall(r"{(\w+)}", path)),
        form=form,
        body=media.get("example", media.get("schema", {}).get("example")),
    )
