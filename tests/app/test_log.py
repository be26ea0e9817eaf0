"""Logs hold what is on the list and nothing else, whatever is handed to them."""

import ast
import json
import logging
from pathlib import Path

import httpx
import pytest
import structlog

from app import log
from app.settings import BadSetting, load


@pytest.fixture
def configured() -> object:
    handlers, level = logging.root.handlers[:], logging.root.level
    log.configure()
    yield
    structlog.reset_defaults()
    logging.basicConfig(handlers=handlers, level=level, force=True)


@pytest.mark.usefixtures("configured")
def test_a_field_nobody_listed_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("request", status=200, pan="9398000000000019", name="ERIKA", token="eyJ")

    written = json.loads(capsys.readouterr().out)
    assert written["status"] == 200
    assert not {"pan", "name", "token"} & set(written)
    assert set(written) <= log.FIELDS


@pytest.mark.usefixtures("configured")
@pytest.mark.asyncio
async def test_a_request_is_logged_by_its_route_and_never_by_its_values(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await client.get(
        "/problems/not_found?secret=canary-query",
        headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "authorization": "DPoP canary-token"},
    )

    out = capsys.readouterr().out
    [line] = [json.loads(line) for line in out.splitlines() if '"event": "request"' in line]
    assert (line["route"], line["status"], line["trace_id"]) == ("/problems/{code}", 200, trace)
    assert "canary" not in out


@pytest.mark.usefixtures("configured")
def test_an_exception_is_told_by_its_kind_and_place_and_never_by_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    def refuses() -> None:
        raise ValueError("Failing row contains (ERIKA MUSTERMANN)")

    try:
        refuses()
    except ValueError as error:
        structlog.get_logger().error("unexpected", exc_info=error)
    logging.getLogger("uvicorn.error").error("Exception in %s", "ERIKA", exc_info=False)

    mine, theirs = capsys.readouterr().out.splitlines()
    assert "ValueError at" in mine
    assert "refuses" in mine
    assert (json.loads(theirs)["source"], json.loads(theirs)["why"]) == ("uvicorn.error", "Exception in %s")
    assert "ERIKA" not in mine + theirs


def test_a_setting_that_is_missing_is_named_and_its_value_is_not() -> None:
    with pytest.raises(BadSetting) as missing:
        load({})
    with pytest.raises(BadSetting) as unreadable:
        load({"ERESIDENCY_DATABASE_URL": "x", "ERESIDENCY_POOL_MAX": "hunter2"})

    assert "database_url" in str(missing.value)
    assert "hunter2" not in str(unreadable.value)


def test_the_list_is_what_the_code_logs() -> None:
    added = {"event", "level", "timestamp", "trace_id", "exception"}  # by the processors
    logged = {
        str(keyword.arg)
        for path in Path(log.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if ast.unparse(node.func.value) in {"_log", "self._log"}
        for keyword in node.keywords
    } - {"exc_info"}

    assert logged | added == log.FIELDS
