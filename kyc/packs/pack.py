"""A country pack: the shapes its TOML file must have, checked when it is read.

reads     kyc/packs/catalogue.py   Catalogue, of()
shapes    kyc/packs/pack.py        Pack              <- you are here
judges    kyc/packs/rule.py        what a rule says of one paper, one name, one number
watches   kyc/packs/linter.py      lint(), conflicts()

Each rule is in force from a day to a day, `[valid_from, valid_to)`, and carries what each source claims: sources that
disagree are kept both. Its examples are what the linter runs it on.
"""

import enum
from collections.abc import Mapping
from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
Name = Annotated[str, Meta(min_length=2, max_length=120)]
Word = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{1,60}$(?!\n)")]


class Kind(enum.StrEnum):
    """The papers there are rules for."""

    DIPLOMA = "diploma"
    POLICE = "police_certificate"
    ADDRESS = "address_proof"
    MARRIAGE = "marriage_certificate"
    BIRTH = "birth_certificate"


class Regime(enum.StrEnum):
    """What makes a foreign official paper count in Kazakhstan."""

    APOSTILLE = "apostille"
    TREATY = "treaty"  # a treaty frees it of any mark
    CONSULAR = "consular"  # the consul of Kazakhstan legalises it
    NONE = "none"  # it is a paper of Kazakhstan


class Said(enum.StrEnum):
    """What a source says of a country's papers; `not_listed`: its list of a treaty's parties lacks the country."""

    APOSTILLE = "apostille"
    TREATY = "treaty"
    CONSULAR = "consular"
    NONE = "none"
    NOT_LISTED = "not_listed"


class Mark(enum.StrEnum):
    """What a paper bears."""

    APOSTILLE = "apostille"
    CONSULAR = "consular"
    NONE = "none"


class Outcome(enum.StrEnum):
    """What comes of holding a paper against a rule."""

    PASS = "pass"  # noqa: S105  # a verdict, no password
    FAIL = "fail"
    REVIEW = "review"
    NOT_APPLICABLE = "not_applicable"


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Source(_Part, frozen=True, kw_only=True):
    """Where something can be read. `checked` is when somebody did; a source without an address was never read by us."""

    publisher: Name
    kind: Annotated[str, Meta(pattern=r"^(official|law|press|data|operator|knowledge)$(?!\n)")]
    url: Annotated[str, Meta(pattern=r"^https?://[^\s]+$(?!\n)")] | None = None
    checked: date | None = None
    note: str = ""


class Claim(_Part, frozen=True, kw_only=True):
    """What one source says: what the rule says, unless `says` names another regime or `differs` tells in words."""

    source: Word
    says: Said | None = None
    treaty: str = ""
    differs: str = ""


class Rule(_Part, frozen=True, kw_only=True):
    """What every rule has."""

    valid_from: date
    valid_to: date | None = None
    claims: tuple[Claim, ...]
    note: str = ""

    def is_in_force(self, on: date) -> bool:
        """Whether it is in force on the day `on`."""
        return self.valid_from <= on and (self.valid_to is None or on < self.valid_to)


class MarkExample(_Part, frozen=True, kw_only=True):
    """A paper with this mark comes to this."""

    mark: Mark
    gives: Outcome


class Legalisation(Rule, frozen=True, kw_only=True):
    """What makes the country's papers count."""

    regime: Regime
    treaty: str = ""
    examples: tuple[MarkExample, ...] = ()


class CodeExample(_Part, frozen=True, kw_only=True):
    """A field of the MRZ as it is printed stands for this country."""

    printed: Annotated[str, Meta(min_length=1, max_length=3)]
    gives: Country


class Zone(Rule, frozen=True, kw_only=True):
    """How the country prints its MRZ: formats, codes of three letters, what it puts where others put nothing."""

    formats: tuple[Annotated[str, Meta(pattern=r"^(TD1|TD2|TD3)$(?!\n)")], ...]
    codes: tuple[Annotated[str, Meta(pattern=r"^[A-Z<]{3}$(?!\n)")], ...]
    optional_data: Annotated[str, Meta(pattern=r"^(nothing|personal_number|unknown)$(?!\n)")] = "unknown"
    examples: tuple[CodeExample, ...] = ()


class NameExample(_Part, frozen=True, kw_only=True):
    """Of these given names this is the patronymic, of this surname this remains without its particles."""

    given: str = ""
    patronymic: str = ""
    surname: str = ""
    bare: str = ""


class Names(Rule, frozen=True, kw_only=True):
    """How people are named: what is written first, what marks a patronymic, which words belong to what follows."""

    order: Annotated[str, Meta(pattern=r"^(given_first|surname_first|given_only)$(?!\n)")]
    patronymic_endings: tuple[str, ...] = ()
    patronymic_words: tuple[str, ...] = ()
    particles: tuple[str, ...] = ()
    mononyms: bool = False
    examples: tuple[NameExample, ...] = ()


class SpellingExample(_Part, frozen=True, kw_only=True):
    """A name in the country's own letters is spelt so in Latin ones; each is one of what passports have."""

    written: str
    gives: tuple[str, ...]


class Transliteration(Rule, frozen=True, kw_only=True):
    """How the country's letters become Latin: a scheme of schemes.toml, and letters it spells otherwise."""

    scheme: Word
    letters: Mapping[Annotated[str, Meta(min_length=1, max_length=1)], tuple[str, ...]] = {}
    examples: tuple[SpellingExample, ...] = ()


class NumberExample(_Part, frozen=True, kw_only=True):
    """A number, and whether its check digits are right."""

    number: str
    valid: bool


class Number(Rule, frozen=True, kw_only=True):
    """A number the country gives its people, and how it is checked (kyc/identifiers/digits.py); `none`: it isn't."""

    scheme: Word
    validator: Word
    examples: tuple[NumberExample, ...] = ()


class RankExample(_Part, frozen=True, kw_only=True):
    """An institution that these rankings place so comes to this."""

    ranks: Mapping[Word, int]
    issued_on: date | None = None
    gives: Outcome


class Diploma(Rule, frozen=True, kw_only=True):
    """How a diploma is recognised: `rankings_min` of the rankings place the institution among the first `rank_max`.

    With `in_all` the others have to place it as well, wherever. One issued before `free_before` needs no recognition.
    """

    regime: Annotated[str, Meta(pattern=r"^(rankings|treaty|nostrification)$(?!\n)")]
    rank_max: Annotated[int, Meta(ge=1)] | None = None
    rankings_min: Annotated[int, Meta(ge=1, le=3)] | None = None
    in_all: bool = False
    free_before: date | None = None
    treaty: str = ""
    examples: tuple[RankExample, ...] = ()


class AgeExample(_Part, frozen=True, kw_only=True):
    """A paper so many days old comes to this."""

    days: int
    gives: Outcome


class Age(Rule, frozen=True, kw_only=True):
    """How old a paper of a kind may be when it is filed, counted in days since it was issued."""

    kind: Kind
    days_max: Annotated[int, Meta(ge=1)]
    examples: tuple[AgeExample, ...] = ()


class IssuerExample(_Part, frozen=True, kw_only=True):
    """Somebody who calls himself so is the issuer, or is not."""

    named: str
    gives: bool


class Police(Rule, frozen=True, kw_only=True):
    """Who certifies that nothing is known against a person, and by which names this authority goes."""

    issuer: Name
    known_as: tuple[str, ...] = ()
    examples: tuple[IssuerExample, ...] = ()


class RecordExample(_Part, frozen=True, kw_only=True):
    """Of these nationalities, with certificates given from these countries, so many are missing."""

    nationalities: tuple[Country, ...]
    given: tuple[Country, ...]
    missing: tuple[Country, ...]


class CriminalRecord(Rule, frozen=True, kw_only=True):
    """From which countries the certificate that nothing is known is brought."""

    both_nationalities: bool
    examples: tuple[RecordExample, ...] = ()


class ListExample(_Part, frozen=True, kw_only=True):
    """A master list names an authority of the country, or none."""

    list: Annotated[str, Meta(pattern=r"^(DE|NL)$(?!\n)")]
    gives: bool


class Chip(Rule, frozen=True, kw_only=True):
    """In which master lists the country's signing authorities are."""

    lists: tuple[Annotated[str, Meta(pattern=r"^(DE|NL)$(?!\n)")], ...]
    examples: tuple[ListExample, ...] = ()


class LanguageExample(_Part, frozen=True, kw_only=True):
    """A paper in this language, translated so, comes to this."""

    language: Annotated[str, Meta(pattern=r"^[a-z]{2}$(?!\n)")]
    translated_to: Annotated[str, Meta(pattern=r"^[a-z]{2}$(?!\n)")] | None = None
    notarised: bool = False
    gives: Outcome


class Translation(Rule, frozen=True, kw_only=True):
    """Which languages a paper is read in; others are translated, and a notary certifies it."""

    languages: tuple[Annotated[str, Meta(pattern=r"^[a-z]{2}$(?!\n)")], ...]
    notarised: bool = True
    examples: tuple[LanguageExample, ...] = ()


class AskedExample(_Part, frozen=True, kw_only=True):
    """A paper of this kind is asked for, or a register has it already."""

    kind: Kind
    asked: bool


class Registers(Rule, frozen=True, kw_only=True):
    """What state registers of Kazakhstan already hold and nobody is asked for a second time."""

    holds: tuple[Kind, ...]
    examples: tuple[AskedExample, ...] = ()


class Pack(_Part, frozen=True, kw_only=True):
    """All rules of one country, of all times."""

    country: Country
    name: Name
    legalisation: tuple[Legalisation, ...] = ()
    zone: tuple[Zone, ...] = ()
    names: tuple[Names, ...] = ()
    transliteration: tuple[Transliteration, ...] = ()
    number: tuple[Number, ...] = ()
    diploma: tuple[Diploma, ...] = ()
    age: tuple[Age, ...] = ()
    police: tuple[Police, ...] = ()
    criminal_record: tuple[CriminalRecord, ...] = ()
    chip: tuple[Chip, ...] = ()
    translation: tuple[Translation, ...] = ()
    registers: tuple[Registers, ...] = ()

    def rules(self) -> list[tuple[str, Rule]]:
        """List its rules, each with the name of what it is about; several of a kind apart by what they name."""
        return [(_about(section, rule), rule) for section in SECTIONS for rule in getattr(self, section)]


SECTIONS = tuple(name for name in Pack.__struct_fields__ if name not in {"country", "name"})


def _about(section: str, rule: Rule) -> str:
    apart = {Age: "kind", Number: "scheme"}.get(type(rule))
    return f"{section}.{getattr(rule, apart)}" if apart else section
