"""A database whose owner is no superuser: row-level security and every right bind it as they bind production's."""

import contextlib
import os
import secrets
from collections.abc import Iterator

import sqlalchemy
from psycopg import sql

from app import migrate
from tests.walls import lives
from tests.walls.catalogue import VAULT, Owner

_WORD = secrets.token_hex(8)
#: What a superuser does once for whoever is to own a database of ours (docs/keys.md); on this server the vault's role
#: exists already, so its membership has to be handed over too.
_ONCE = (
    "CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD {word}",
    'GRANT SET ON PARAMETER "app.audience" TO {owner}',
    f"GRANT {VAULT} TO {{owner}} WITH ADMIN OPTION",
)


@contextlib.contextmanager
def owned(server: str, *, without: str = "nothing") -> Iterator[str]:
    """Give the superuser's address of a database that a plain owner migrated; `without` leaves out what it names."""
    name = f"eresidency_plain_{os.getpid()}_{secrets.token_hex(2)}"
    names = {"owner": sql.Identifier(name), "word": sql.Literal(_WORD)}
    with lives.connect(server) as superuser:
        superuser.autocommit = True
        for statement in _ONCE:
            if without not in statement:
                superuser.execute(sql.SQL(statement).format(**names))
        database = f"eresidency_test_{secrets.token_hex(6)}"
        superuser.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), names["owner"]))
        address = sqlalchemy.make_url(server).set(database=database)
        try:
            migrate.upgrade(address.set(username=name, password=_WORD).render_as_string(hide_password=False))
            yield address.render_as_string(hide_password=False)
        finally:
            _remove(superuser, database, name)


def _remove(superuser: Owner, database: str, owner: str) -> None:
    superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))
    for statement in ("DROP OWNED BY {}", "DROP ROLE {}"):
        superuser.execute(sql.SQL(statement).format(sql.Identifier(owner)))
