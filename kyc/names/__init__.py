"""Names: written in one alphabet, taken apart into words with roles, compared, found again among many.

name.py    read() takes a name apart
score.py   compare() says how far two names are one, and why
index.py   finds a name among the names of the lists

`normalise` is how a name is written where names are stored and shown to machines: it changes with the passports' own
rules only, never with how names are compared.
"""

from kyc.names.latin import normalise

__all__ = ["normalise"]
