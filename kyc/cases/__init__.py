"""One case for each resident: what was found, what follows from it, who decided, and what the person may know.

records.py    a look is reported                 decision.py   what follows from all looks, pure and replayed
case.py       the case as it is stored           life.py       where each act leads: the table of the machine
review.py     officers, two by two               reasons.py    what a person may be told, and how final it is
"""
