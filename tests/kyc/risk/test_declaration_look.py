"""Who looks at a declaration: an officer in their own name, and never the one who made it."""

from uuid import uuid4

import psycopg
import pytest

_DECLARES = """
    INSERT INTO kyc.declaration (id, resident, version, codes, papers, words, at)
    VALUES (%(id)s, %(resident)s, 1, 'x', '{}', 'x', now())
"""
_LOOKS = """
    INSERT INTO kyc.declaration_look (declaration, resident, outcome, asks, by_officer, at)
    VALUES (%(id)s, %(resident)s, 'accepted', '{}', %(by)s, now())
"""


def test_nobody_looks_at_their_own_declaration(owner: psycopg.Connection) -> None:
    made = {"id": uuid4(), "resident": uuid4()}
    owner.execute(_DECLARES, made)

    with pytest.raises(psycopg.errors.CheckViolation, match="declaration_look_not_oneself"):
        owner.execute(_LOOKS, made | {"by": f"officer:{made['resident']}"})
    owner.execute(_LOOKS, made | {"by": f"officer:{uuid4()}"})
