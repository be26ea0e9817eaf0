"""Country packs on the command line: one JSON object, and whether it is in order."""

import json
from typing import Any

import pytest

from app.asking.__main__ import main


def asked(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = main(["packs", *words])
    return code, json.loads(capsys.readouterr().out)


def test_the_packs_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = asked(capsys, "lint")

    assert (code, told["problems"]) == (0, [])
    assert told["unverified"]


def test_where_sources_disagree_is_said_with_both_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    code, told = asked(capsys, "conflicts")

    assert code == 0
    assert all(claim["url"] or claim["source"] == "knowledge" for each in told["conflicts"] for claim in each["claims"])


@pytest.mark.parametrize(
    ("words", "code", "regime"),
    [
        (("show", "CN", "--at", "2023-11-06"), 0, "consular"),
        (("show", "CN", "--at", "2023-11-07"), 0, "apostille"),
        (("show", "ZW"), 1, None),
    ],
)
def test_a_pack_is_shown_as_it_was_on_a_day(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], code: int, regime: str | None
) -> None:
    answered, told = asked(capsys, *words)

    assert answered == code
    assert (told["in_force"]["legalisation"] or {}).get("regime") == regime


@pytest.mark.parametrize("words", [("show", "usa"), ("show", "DE", "--at", "yesterday"), ("show",)])
def test_what_can_not_be_asked_ends_with_two(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["packs", *words])

    assert ended.value.code == 2
