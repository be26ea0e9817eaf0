"""Which fields of the ID can be shown, by the names that an mdoc has for them; the holder picks, nobody else does.

A field that the document does not have is not there to be picked: nothing empty is ever shown.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

import msgspec

from residency.credential import dataset
from residency.credential.dataset import LANGUAGES, Kind, Resident
from residency.credential.presenting.question import Answer, Question


class FieldNotThere(Exception):
    """The holder's document does not have the field `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Field(msgspec.Struct, frozen=True):
    """One field and what it says: JSON, as in an SD-JWT."""

    name: str
    value: Any


def of_document(resident: Resident, kind: Kind, *, on: date) -> tuple[Field, ...]:
    """List everything a document says on the day `on`, in the order it is printed in."""
    told = ((claim.element, claim.says(resident, on)) for claim in dataset.of_kind(kind))
    return tuple(Field(name, value) for name, value in told if value is not None)


def picked(fields: Sequence[Field], names: Collection[str]) -> tuple[Field, ...]:
    """Give those of `fields` that were picked, in their own order; raises FieldNotThere."""
    if missing := set(names) - {each.name for each in fields}:
        raise FieldNotThere(min(missing))
    return tuple(each for each in fields if each.name in names)


def label(name: str, kind: Kind, language: str) -> str:
    """Say what people call a field."""
    [labels] = (claim.labels for claim in dataset.of_kind(kind) if claim.element == name)
    return labels[LANGUAGES.index(language)]


def answer(asked: Question, fields: Sequence[Field], *, in_force: bool) -> Answer:
    """Answer a question by the one field it is about; a document that is not in force proves nothing."""
    [field] = fields
    same = type(field.value) is type(asked.value) and field.value == asked.value
    return Answer.YES if in_force and same else Answer.NO
