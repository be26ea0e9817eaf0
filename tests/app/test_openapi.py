"""The contract: valid, complete, and the one that is written down in docs/openapi.json (`make openapi` writes it)."""

import functools
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from litestar import Litestar

from app import main, problems, refusals
from app.openapi import written
from app.settings import Environment, Settings

GOLDEN = Path(__file__).parents[2] / "docs" / "openapi.json"
METHODS = {"get", "post", "put", "patch", "delete"}


@functools.cache
def built() -> Litestar:
    """Build without starting: the contract needs no database."""
    return main.build(
        Settings(environment=Environment.TEST, database_url="postgresql+psycopg://nobody@127.0.0.1:1/none")
    )


@functools.cache
def contract() -> dict[str, Any]:
    """Give the contract as it is served."""
    found: dict[str, Any] = msgspec.json.decode(written(built()))
    return found


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """List path, method and description of every operation."""
    paths = contract()["paths"].items()
    return [(path, method, each) for path, item in paths for method, each in item.items() if method in METHODS]


def resolved(answer: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference to a shared answer."""
    name = answer.get("$ref", "").rsplit("/", 1)[-1]
    found: dict[str, Any] = contract()["components"]["responses"][name] if name else answer
    return found


def test_the_contract_is_the_one_written_down() -> None:
    assert GOLDEN.read_bytes() == written(built()), "the contract changed: run `make openapi` and review the difference"


def test_the_contract_is_valid_openapi() -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # noqa: PLC0415  two seconds for whoever only collects

    errors = [str(error) for error in OpenAPIV31SpecValidator(contract()).iter_errors()]

    assert errors == []


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]

    assert len(ids) == len(set(ids))


def test_every_route_is_in_the_contract_and_nothing_else_is() -> None:
    served = {
        (route.path_format, method.lower())
        for route in built().routes
        for method in route.methods
        if not route.path.startswith("/schema") and method.lower() in METHODS
    }
    described = {(path, method) for path, item in contract()["paths"].items() for method in item if method in METHODS}

    assert served == described


def test_an_operation_says_what_it_needs_and_answers() -> None:
    for path, method, operation in operations():
        assert all(operation[name] for name in ("summary", "description", "tags")), f"{method} {path}"
        assert "security" in operation, f"{method} {path}"
        statuses = set(operation["responses"])
        assert statuses & {"200", "201", "202", "204"}, f"{method} {path}"
        if operation["security"]:
            assert statuses >= {"401", "403", "429", "503"}, f"{method} {path}"
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert resolved(answer)["content"], f"{status} of {method} {path} has a form"


def test_examples_are_what_the_schemas_allow() -> None:
    import jsonschema  # noqa: PLC0415  as above

    shown: set[str] = set()
    for path, method, operation in operations():
        bodies = [operation.get("requestBody", {}), *map(resolved, operation["responses"].values())]
        for media_type, media in ((kind, media) for body in bodies for kind, media in body.get("content", {}).items()):
            if "json" in media_type:
                assert "example" in media, f"{method} {path} shows an example"
                # Many answer alike: the same example of the same schema is looked at once.
                told = json.dumps([media["schema"], media["example"]], sort_keys=True)
                if told not in shown:
                    schema = {**media["schema"], "components": contract()["components"]}
                    jsonschema.validate(media["example"], schema, cls=jsonschema.Draft202012Validator)
                shown.add(told)


def named(answer: dict[str, Any]) -> set[str]:
    """Name the fields of an answer that are described once for all."""
    return {name for name, field in resolved(answer).get("headers", {}).items() if "$ref" in field}


def test_an_answer_names_its_header_fields() -> None:
    known = set(contract()["components"]["headers"])
    for path, method, operation in operations():
        for status, answer in operation["responses"].items():
            fields, where = named(answer), f"{status} of {method} {path}"
            assert fields <= known, where
            if not path.startswith("/health/"):
                assert {"RateLimit", "RateLimit-Policy"} <= fields, where
            if status in {"429", "503"} and answer.get("$ref"):
                assert "Retry-After" in fields, where
            if operation["security"] and status < "400":
                assert "DPoP-Nonce" in fields, where


def test_what_is_edited_by_version_shows_its_version() -> None:
    tagged = {
        operation["operationId"]
        for _, _, operation in operations()
        for answer in operation["responses"].values()
        if "ETag" in named(answer)
    }

    assert tagged >= {"getCard", "orderCard", "freezeCard", "getApplication", "getSubscription", "getStatusList"}
    assert not tagged & {"listCards", "getMyWallet", "sendMoney", "getLiveness"}


#: What lies inside a field that no type of a single value says: where, and how it is described.
INSIDE: dict[str, tuple[str, dict[str, Any]]] = {
    "the names of what is shown": (
        "BeginStepUp/properties/shown/propertyNames", {"pattern": r"^[a-z][a-z0-9_]{0,63}$(?!\n)"}
    ),
    "how much is shown": ("BeginStepUp/properties/shown", {"minProperties": 1, "maxProperties": 32}),
    "a text that is shown": ("BeginStepUp/properties/shown/additionalProperties/anyOf/0", {"maxLength": 500}),
    "a number that is shown": (
        "BeginStepUp/properties/shown/additionalProperties/anyOf/1", {"minimum": -(2**63), "maximum": 2**63 - 1}
    ),
    "a printed line": ("ScanDocument/properties/mrz/items", {"minLength": 1, "maxLength": 44}),
    "the number of a group": (
        "ScanDocument/properties/data_groups/propertyNames", {"pattern": r"^(?:[1-9]|1[0-6])$(?!\n)"}
    ),
    "a kind of event": ("Subscribe/properties/kinds/items", {"pattern": r"^[a-z_]+\.[a-z_]+$(?!\n)", "maxLength": 64}),
    "an extension's results": (
        "Assertion/properties/clientExtensionResults/additionalProperties", {"$ref": "#/components/schemas/Json"}
    ),
    "any number": ("Json/anyOf/1", {"type": "number", "minimum": -(2**63), "maximum": 2**63 - 1}),
}  # fmt: skip


@pytest.mark.parametrize(("place", "said"), INSIDE.values(), ids=INSIDE)
def test_what_is_refused_inside_a_field_is_said(place: str, said: dict[str, Any]) -> None:
    found = contract()["components"]["schemas"]
    for step in place.split("/"):
        found = found[int(step)] if isinstance(found, list) else found[step]

    assert {name: found.get(name) for name in said} == said


def described() -> dict[str, dict[str, Any]]:
    """Give every operation by its id."""
    return {each["operationId"]: each for _, _, each in operations()}


def test_a_body_that_may_be_left_out_is_said_to_be() -> None:
    optional = {name for name, each in described().items() if each.get("requestBody", {}).get("required") is False}

    assert optional >= {"unblockCardPin", "removeContact", "removeDevice"}
    assert not optional & {"sendMoney", "scanDocument", "orderCard"}


def test_what_is_asked_by_a_query_may_be_refused() -> None:
    for name, operation in described().items():
        asked = any(parameter["in"] == "query" for parameter in operation.get("parameters", ()))
        if asked and "500" in operation["responses"]:
            assert set(operation["responses"]) >= {"400", "422"}, name


def test_the_problem_is_described_once() -> None:
    assert "Problem" in contract()["components"]["schemas"]
    assert set(contract()["components"]["securitySchemes"]) == {"dpop"}
    assert contract()["webhooks"]


@pytest.mark.parametrize("code", sorted({refusal.code for refusal in refusals.REFUSALS.values()}))
def test_every_problem_has_words_in_three_languages(code: str) -> None:
    words = problems.texts()[code]

    assert set(words) == {"en", "ru", "kk"}
    assert all(title and detail for title, detail in words.values())
