"""What the country packs say, whether they are in order, and where their sources disagree."""

from argparse import ArgumentTypeError, Namespace
from datetime import date

import msgspec

from app import clock
from app.asking.command import Commands, register
from kyc.packs import catalogue, linter
from kyc.packs.catalogue import InForce
from kyc.packs.linter import Conflict
from kyc.packs.pack import Pack, Source
from law.calendar import statutory_date


class Conflicts(msgspec.Struct, frozen=True):
    """Every rule about which sources disagree."""

    version: str
    conflicts: tuple[Conflict, ...]


class Shown(msgspec.Struct, frozen=True):
    """A pack: what is in force on a day, all its rules, and the sources they name."""

    version: str
    at: date
    in_force: InForce
    pack: Pack | None
    sources: dict[str, Source]


def add(commands: Commands) -> None:
    """Add `packs lint`, `packs conflicts`, `packs show`."""
    packs = commands.add_parser("packs", help="country packs").add_subparsers(required=True, metavar="QUESTION")
    register(packs.add_parser("lint", help="whether every rule has a source and examples it bears out"), _lint)
    register(packs.add_parser("conflicts", help="where sources disagree"), _conflicts)
    showing = packs.add_parser("show", help="the rules for the papers of a country")
    showing.add_argument("country", type=_country, help="two letters, ISO 3166-1")
    showing.add_argument("--at", type=_date, help="a day, by default today in Almaty")
    register(showing, _show)


def _lint(_: Namespace) -> tuple[linter.Report, bool]:
    report = linter.lint(catalogue.shipped())
    return report, not report.problems


def _conflicts(_: Namespace) -> tuple[Conflicts, bool]:
    return Conflicts(catalogue.VERSION, linter.conflicts(catalogue.shipped())), True


def _show(given: Namespace) -> tuple[Shown, bool]:
    packs = catalogue.shipped()
    at = given.at or statutory_date(clock.real())
    pack = packs.packs.get(given.country)
    named = {claim.source for each in (pack, packs.every) if each for _, rule in each.rules() for claim in rule.claims}
    sources = {name: packs.sources[name] for name in sorted(named)}
    in_force = packs.of(given.country, at)
    return Shown(catalogue.VERSION, at, in_force, pack, sources), in_force.known


def _country(text: str) -> str:
    if not (len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()):  # noqa: PLR2004  ISO 3166-1
        raise ArgumentTypeError("two capital letters, as UZ")
    return text


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError("a day, YYYY-MM-DD") from error
