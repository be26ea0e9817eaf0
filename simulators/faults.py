"""What goes wrong outside, by plan: the same seed gives the same trouble."""

import random
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Chance = Annotated[float, Meta(ge=0, le=1)]
Fault = Literal["duplicate", "reorder", "drop", "delay", "bad_signature", "lost_answer", "reject"]


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How likely each fault is. The first five happen to messages that are sent, the others to requests that come in.

    duplicate      sent once more                    drop           never arrives
    reorder        others may overtake it            delay          arrives `delay_s` later
    bad_signature  a forgery of it comes first       lost_answer    done, but the answer says 503
    reject         the placement is refused

    A placement is decided within `decision_s`, some sooner than others.
    """

    seed: int = 1
    delay_s: Annotated[float, Meta(ge=0, le=600)] = 3.0
    decision_s: Annotated[float, Meta(ge=0, le=600)] = 0.5
    duplicate: Chance = 0.0
    reorder: Chance = 0.0
    drop: Chance = 0.0
    delay: Chance = 0.0
    bad_signature: Chance = 0.0
    lost_answer: Chance = 0.0
    reject: Chance = 0.0

    def strikes(self, fault: Fault, what: str) -> bool:
        """Say whether `fault` happens to `what`; always the same for the same seed and name."""
        chance: float = getattr(self, fault)
        return self.draw(fault, what) < chance

    def draw(self, fault: str, what: str) -> float:
        """Draw a number in [0, 1) that belongs to `fault` and `what`."""
        return random.Random(f"{self.seed}/{fault}/{what}").random()
