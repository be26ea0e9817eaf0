"""How a class of refusals looks outside."""

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """How a class of refusals looks outside; `retry_after_s` for those that pass by themselves."""

    status: int
    code: str
    retry_after_s: int | None = None
