"""Why a file is not taken: words of ours, each with a text for the person (app/texts/papers.toml)."""

import enum


class Why(enum.StrEnum):
    """What is wrong with a file."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN = "unknown_type"
    HEIC = "heic"
    DAMAGED = "damaged"
    POLYGLOT = "polyglot"
    TOO_SMALL = "too_small"
    TOO_MANY_PIXELS = "too_many_pixels"
    LOCKED = "locked"
    ACTIVE = "active"
    NO_PAGES = "no_pages"
    TOO_MANY_PAGES = "too_many_pages"
    INFECTED = "infected"


class NotTaken(Exception):
    """The file is none we keep; `why` names what is wrong, never what is in it."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why
