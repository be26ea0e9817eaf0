"""The ledger as arithmetic, in minor units: a verb says if it happened; accounts named `+…` have no floor."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from copy import deepcopy
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple


class Part(NamedTuple):
    """What is left of a hold, or of a transfer that could be moved back."""

    payer: str
    payee: str
    left: int
    due: int = 0


class Model:
    def __init__(self) -> None:
        self.posted: defaultdict[str, int] = defaultdict(int)
        self.holds: dict[Hashable, Part] = {}
        self.moved: dict[Hashable, Part] = {}
        self.now = 0  # in hours

    def available(self, who: str) -> int:
        return self.posted[who] - sum(hold.left for hold in self.holds.values() if hold.payer == who)

    def send(self, key: Hashable, payer: str, payee: str, amount: int, *, held: int = 0) -> bool:
        if payer == payee or not (payer.startswith("+") or self.available(payer) + held >= amount):
            return False
        self.posted[payer] -= amount
        self.posted[payee] += amount
        self.moved[key] = Part(payer, payee, amount)
        return True

    def place(self, key: Hashable, payer: str, payee: str, amount: int, *, due: int) -> bool:
        if payer == payee or self.available(payer) < amount:
            return False
        self.holds[key] = Part(payer, payee, amount, due)
        return True

    def capture(self, key: Hashable, hold: Hashable, amount: int, *, final: bool) -> bool:
        payer, payee, left, due = self.holds[hold]
        taken = min(amount, left)
        if left == 0 or due <= self.now or not self.send(key, payer, payee, amount, held=taken):
            return False
        self.holds[hold] = Part(payer, payee, 0 if final else left - taken, due)
        return True

    def release(self, hold: Hashable, *, expire: bool) -> bool:
        found = self.holds[hold]
        if found.left == 0 or (expire and found.due > self.now):
            return False
        self.holds[hold] = found._replace(left=0)
        return True

    def reverse(self, moved: Hashable, amount: int) -> bool:
        payer, payee, left, _ = self.moved[moved]
        if not 0 < amount <= left or not self.send("back", payee, payer, amount):
            return False
        self.moved[moved] = Part(payer, payee, left - amount)
        return True

    def together(self, *steps: Callable[[], bool]) -> bool:
        before = deepcopy(vars(self))
        if all(step() for step in steps):
            return True
        vars(self).update(before)
        return False

    def exchange(self, key: Hashable, given: int, got: int, rate: Decimal, wallet: str, account: str) -> bool:
        remainder = given - round(got / Fraction(rate))
        return self.together(
            lambda: self.send(key, wallet, "+position", given),
            lambda: self.send((key, "sold"), "+position", "+bank", given),
            lambda: self.send((key, "arrived"), "+holdings", account, got),
            lambda: self.send((key, "rest"), "+position", "+rounding", remainder),
        )
