"""What people set for themselves, as facts of the journal of the schema `app`."""

from datetime import datetime

import msgspec


class OwnLimitLowered(msgspec.Struct, frozen=True, kw_only=True, tag="limit.lowered"):
    """Somebody may spend less from now on, because they want to; in tiyn. Aggregate: the person, as below."""

    limit: str
    most_minor: int


class OwnLimitRaising(msgspec.Struct, frozen=True, kw_only=True, tag="limit.raising"):
    """Somebody wants more again: it holds `takes_effect_at`, unless they think better of it. None is no own limit."""

    limit: str
    most_minor: int | None
    takes_effect_at: datetime


class OwnLimitKept(msgspec.Struct, frozen=True, kw_only=True, tag="limit.kept"):
    """Somebody thought better of a raise; the limit stays as it was."""

    limit: str
    most_minor: int
