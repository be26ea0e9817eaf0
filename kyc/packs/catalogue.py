"""The packs as they are shipped, and what is in force of them for one country on one day.

A country without a pack has the rules that Kazakhstan sets for everybody's papers and no others: whoever asks for one
of the others gets None, and a person looks (kyc/papers/check.py). Nothing passes because nothing is known of it.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TypeVar

import msgspec

from kyc.packs.pack import (
    Age,
    Chip,
    Claim,
    CriminalRecord,
    Diploma,
    Kind,
    Legalisation,
    Names,
    Number,
    Pack,
    Police,
    Registers,
    Rule,
    Source,
    Translation,
    Transliteration,
    Zone,
)

#: The version of all packs: whoever changes a rule writes a new one, and every finding names it.
VERSION = "packs@2026-11-23.2"

R = TypeVar("R", bound=Rule)
F = TypeVar("F")
Schemes = Mapping[str, Mapping[str, tuple[str, ...]]]


class BadPack(Exception):
    """A file is no pack: `name` of the file, `why` in a line."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}")
        self.name = name
        self.why = why


class Catalogue(msgspec.Struct, frozen=True):
    """Every pack, the rules for everybody, the sources and the schemes of letters."""

    packs: Mapping[str, Pack]
    every: Pack
    sources: Mapping[str, Source]
    schemes: Schemes

    def of(self, country: str, on: date) -> "InForce":
        """Give what is in force for the papers of a country (two letters) on the day `on`."""
        own = self.packs.get(country)
        every = self.every
        return InForce(
            country=country,
            known=own is not None,
            legalisation=_at(own.legalisation if own else (), (), on),
            zone=_at(own.zone if own else (), (), on),
            names=_at(own.names if own else (), (), on),
            transliteration=_at(own.transliteration if own else (), (), on),
            numbers=tuple(rule for rule in (own.number if own else ()) if rule.is_in_force(on)),
            diploma=_at(own.diploma if own else (), every.diploma, on),
            ages=_ages(own, every, on),
            police=_at(own.police if own else (), (), on),
            criminal_record=_at(own.criminal_record if own else (), every.criminal_record, on),
            chip=_at(own.chip if own else (), (), on),
            translation=_at(own.translation if own else (), every.translation, on),
            registers=_at(own.registers if own else (), every.registers, on),
        )

    def is_sourced(self, rule: Rule) -> bool:
        """Whether somebody read what the rule says where it can be read again."""
        return any(agrees(rule, claim) and self.sources[claim.source].checked is not None for claim in rule.claims)


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """The rules for the papers of one country on one day; None where none is known."""

    country: str
    known: bool
    legalisation: Legalisation | None = None
    zone: Zone | None = None
    names: Names | None = None
    transliteration: Transliteration | None = None
    numbers: tuple[Number, ...] = ()
    diploma: Diploma | None = None
    ages: Mapping[Kind, Age] = {}
    police: Police | None = None
    criminal_record: CriminalRecord | None = None
    chip: Chip | None = None
    translation: Translation | None = None
    registers: Registers | None = None


def agrees(rule: Rule, claim: Claim) -> bool:
    """Whether a source says what the rule says; one whose list of parties lacks the country says another thing."""
    return not claim.differs and claim.says in {None, getattr(rule, "regime", None)}


def is_disputed(rule: Rule) -> bool:
    """Whether some source says another thing than the rule."""
    return not all(agrees(rule, claim) for claim in rule.claims)


@cache
def shipped() -> Catalogue:
    """Read the packs that come with the program; raises BadPack."""
    return read(resources.files("kyc.packs"))


def read(folder: Traversable) -> Catalogue:
    """Read a folder of packs: countries/XX.toml, every.toml, sources.toml, schemes.toml; raises BadPack."""
    packs: dict[str, Pack] = {}
    for file in sorted(folder.joinpath("countries").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".toml"):
            pack = _read(file, Pack)
            if file.name != f"{pack.country}.toml":
                raise BadPack(file.name, f"is of {pack.country}")
            packs[pack.country] = pack
    return Catalogue(
        packs=packs,
        every=_read(folder.joinpath("every.toml"), Pack),
        sources=_read(folder.joinpath("sources.toml"), dict[str, Source]),
        schemes=_read(folder.joinpath("schemes.toml"), dict[str, dict[str, tuple[str, ...]]]),
    )


def _read(file: Traversable, kind: type[F]) -> F:
    try:
        return msgspec.toml.decode(file.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadPack(file.name, str(error)) from error


def _at(own: tuple[R, ...], every: tuple[R, ...], on: date) -> R | None:
    """Take the rule in force: the country's own before the one for everybody."""
    return next((rule for rule in (*own, *every) if rule.is_in_force(on)), None)


def _ages(own: Pack | None, every: Pack, on: date) -> dict[Kind, Age]:
    rules = (*every.age, *(own.age if own else ()))
    return {rule.kind: rule for rule in rules if rule.is_in_force(on)}
