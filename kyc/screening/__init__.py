"""May we deal with this person? Everybody is compared with every list, always, and each look leaves a proof.

subject.py    whom we ask about: what all documents of a person say together
matching.py   a person against the lists in force: who is too near, and what exactly met
looking.py    one look at one person, in their own story, with its proof
alert.py      what was too near: raised once, closed by officers, never raised again for the same
act.py        what officers do to an alert; nobody is freed but by two
cohort.py     some hundred people under one key, looked up together
proof.py      what is kept of a look, and how it is verified in ten years
"""

from kyc.screening.standard import CHECK, RULES

__all__ = ["CHECK", "RULES"]
