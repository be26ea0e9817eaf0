"""Bring a database to this code's schema, or back: alembic over a connection of the owner."""

from collections.abc import Callable
from pathlib import Path

import alembic.command
import alembic.config
import alembic.script
import sqlalchemy
from sqlalchemy import pool, text

from migrations import walls

# Two processes that start together must not migrate together; the lock ends with the transaction.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('eresidency.migrate'))"
_FOLDER = Path(__file__).parent.parent / "migrations"


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(_FOLDER))
    return config


def head() -> str:
    """Name the newest revision this code knows."""
    revision = alembic.script.ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None
    return revision


def upgrade(url: str, to: str = "head", *, role_password: str | None = None) -> None:
    """Run the revisions up to `to`, one process at a time; `role_password` is set on the four roles when given."""
    _run(url, to, alembic.command.upgrade)
    if role_password is not None:
        set_role_password(url, role_password)


def downgrade(url: str, to: str) -> None:
    """Run the revisions back down to `to` (`base` removes everything but the roles)."""
    _run(url, to, alembic.command.downgrade)


def set_role_password(url: str, word: str) -> None:
    """Let the four roles log in with `word`; they belong to the server, so this holds for all its databases.

    Nothing is changed if they can already: our lock is one database's, and two that alter a role at once collide.
    """
    if all(_lets_in(url, role, word) for role in walls.ROLES):
        return
    engine = sqlalchemy.create_engine(url, poolclass=pool.NullPool, hide_parameters=True)
    with engine.begin() as connection:
        connection.execute(text(_ONE_AT_A_TIME))
        literal = connection.scalar(text("SELECT quote_literal(:word)"), {"word": word})
        for role in walls.ROLES:
            connection.execute(text(f"ALTER ROLE {role} PASSWORD {literal}"))
    engine.dispose()


def _lets_in(url: str, role: str, word: str) -> bool:
    login = sqlalchemy.make_url(url).set(username=role, password=word)
    engine = sqlalchemy.create_engine(login, poolclass=pool.NullPool, hide_parameters=True)
    try:
        engine.connect().close()
    except sqlalchemy.exc.OperationalError:
        return False
    return True


def _run(url: str, to: str, command: Callable[[alembic.config.Config, str], None]) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=pool.NullPool)
    config = _config()
    with engine.begin() as connection:
        connection.execute(text(_ONE_AT_A_TIME))
        config.attributes["connection"] = connection
        command(config, to)
    engine.dispose()
