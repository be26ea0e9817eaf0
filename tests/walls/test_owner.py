"""Whoever owns the database needs no superuser's powers: neither to migrate it, nor for what the house does in it."""

import psycopg.errors
import pytest
import sqlalchemy.exc

from tests.walls import lives, owners
from tests.walls.lives import Lives


def test_two_lives_were_lived_in_a_database_of_a_plain_owner(lived: Lives) -> None:
    with lives.connect(lived.url) as db:
        superusers = db.execute(
            """
            SELECT relname FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname IN ('app', 'wallet', 'kyc', 'residency', 'credential', 'cards', 'invest', 'card_vault')
              AND (rolsuper OR rolbypassrls)
            """
        ).fetchall()
        [looks] = db.execute("SELECT count(*) FROM app.access").fetchone() or (0,)

    assert superusers == []
    assert int(looks) > 2, "functions that run as their owner found their rows"


def test_the_one_right_a_superuser_has_to_give_is_missed_where_it_is_not_given(server: str, template: str) -> None:
    assert template, "the roles are there"
    with (
        pytest.raises(sqlalchemy.exc.ProgrammingError, match=r"app\.audience") as refused,
        owners.owned(server, without="PARAMETER"),
    ):
        pass

    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)
