"""Both processors are the port, and no route of residents goes past it."""

import ast
from pathlib import Path

import pytest

from app.cards import processors
from app.cards.own_processor import OwnCards
from app.cards.stripe_processor import StripeCards
from cards.processing.processor import CardProcessor
from tests.processor.acts import World
from tests.processor.worlds import Ours

pytestmark = pytest.mark.asyncio


# -- the port ----------------------------------------------------------------------------------------------------------

_ROUTES = sorted(Path("app/http/mobile").glob("card*.py"))
_ADAPTERS = tuple(
    map(Path, ("cards/processing/kept.py", "app/cards/own_processor.py", "app/cards/stripe_processor.py"))
)
#: What adapters ask of the rooms of cards and changes nothing there: anybody may.
_LOOKS = {
    "app.cards.cardholders.told",
    "app.cards.holders.holder",
    "cards.processing.elsewhere.reference",
    "cards.programme.renewal.of",
    "cards.proofs.pin.of",
}


async def test_both_are_the_port(world: World) -> None:
    port = {name for name in vars(CardProcessor) if not name.startswith("_")}
    found = processors.of(world.house, world.code)

    assert isinstance(found, OwnCards if isinstance(world, Ours) else StripeCards)
    assert port <= set(dir(found))
    assert found.code == world.code


async def test_no_route_of_residents_goes_past_the_port() -> None:
    asked = {act for path in _ADAPTERS for act in awaited(path.read_text(encoding="utf-8"))}
    acts = {act for act in asked if act.startswith(("cards.", "app.cards."))} - _LOOKS

    assert acts >= {
        "app.cards.parcels.address",
        "app.cards.processing.ask",
        "cards.payments.allowance.grant",
        "cards.programme.change.freeze",
        "cards.programme.order.order",
        "cards.programme.renewal.succeed",
        "cards.programme.verification.note",
        "cards.proofs.pin.set_",
        "cards.proofs.token.turn",
    }
    for act in acts:
        module, name = act.rsplit(".", 1)
        home, alias = module.rsplit(".", 1)
        planted = f"from {home} import {alias} as other\nasync def planted():\n    await other.{name}()\n"
        assert awaited(planted) & acts == {act}, "the search finds what it is for, whatever it is called there"
    assert {path.name: found for path in _ROUTES if (found := awaited(path.read_text(encoding="utf-8")) & acts)} == {}


def awaited(source: str) -> set[str]:
    """Name what is awaited of other modules."""
    tree = ast.parse(source)
    imported = {
        each.asname or each.name: f"{node.module}.{each.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    called = [node.value for node in ast.walk(tree) if isinstance(node, ast.Await)]
    functions = [call.func for call in called if isinstance(call, ast.Call)]
    return {
        f"{imported[function.value.id]}.{function.attr}"
        for function in functions
        if isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id in imported
    }
