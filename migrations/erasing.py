"""What else goes with a person: app.erase() of 0015 is one function, and each room adds its tables to it."""

from alembic import op


def also(was: str, becomes: str) -> None:
    """Write the function anew with `becomes` in the place of `was`; the other way round on the way back."""
    was, becomes = (text.replace("'", "''") for text in (was, becomes))
    op.execute(
        f"""
        DO $$ BEGIN
            EXECUTE replace(pg_get_functiondef('app.erase(uuid)'::regprocedure), '{was}', '{becomes}');
        END $$
        """
    )
