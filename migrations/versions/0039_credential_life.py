"""What a resident ID says, and when it is issued anew."""

from alembic import op

from migrations import walls

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

_BEFORE = "'active', 'paused', 'suspended', 'revoked'"
_RUNNING = "due_at, until, reminded_for"


def upgrade() -> None:
    """Build it."""
    _one_of("credential.credential", "state", f"{_BEFORE}, 'superseded'")
    _one_of("credential.transition", "state", f"{_BEFORE}, 'superseded'")
    _one_of("residency.status", "scheme", "'DEMO-ERID', 'DEMO-ALTYN'")
    _one_alive("NOT IN ('revoked', 'superseded')")
    op.execute(
        """
        ALTER TABLE credential.credential
            ADD COLUMN due_at timestamptz,
            ADD COLUMN until timestamptz,
            ADD COLUMN reminded_for timestamptz,
            ADD CONSTRAINT credential_superseded CHECK ((state = 'superseded') = (until IS NOT NULL)),
            ADD CONSTRAINT credential_over CHECK (state <> 'revoked' OR due_at IS NULL)
        """
    )
    op.execute(
        "CREATE INDEX credential_due ON credential.credential (due_at)"
        " WHERE due_at IS NOT NULL AND state IN ('active', 'superseded')"
    )
    for role in (walls.API, walls.WORKER):
        op.execute(f"GRANT UPDATE ({_RUNNING}) ON credential.credential TO {role}")
    op.execute("ALTER TABLE credential.issuance ADD COLUMN document uuid, ADD COLUMN iin uuid")
    _iin()
    _look_again()


def downgrade() -> None:
    """Take it away; raises where somebody holds what there was not before."""
    for table in ("decision", "identifier"):
        op.execute(f"DROP TRIGGER credentials ON kyc.{table}")
    op.execute("DROP FUNCTION credential.look_again")
    op.execute("DROP FUNCTION kyc.iin_of")
    op.execute("ALTER TABLE credential.issuance DROP COLUMN document, DROP COLUMN iin")
    op.execute("DROP INDEX credential.credential_due")
    op.execute(
        "ALTER TABLE credential.credential DROP CONSTRAINT credential_superseded, DROP CONSTRAINT credential_over,"
        " DROP COLUMN due_at, DROP COLUMN until, DROP COLUMN reminded_for"
    )
    _one_alive("<> 'revoked'")
    _one_of("residency.status", "scheme", "'DEMO-ERID'")
    _one_of("credential.transition", "state", _BEFORE)
    _one_of("credential.credential", "state", _BEFORE)


def _one_of(table: str, column: str, values: str) -> None:
    name = f"{table.rpartition('.')[2]}_{column}_check"
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}, ADD CONSTRAINT {name} CHECK ({column} IN ({values}))")


def _one_alive(state: str) -> None:
    op.execute("DROP INDEX credential.credential_one_alive")
    op.execute(f"CREATE UNIQUE INDEX credential_one_alive ON credential.credential (holder, kind) WHERE state {state}")


def _iin() -> None:
    # A number that somebody else came with first is told nobody, nor that it was (kyc.claim): it is left out.
    op.execute(
        """
        CREATE FUNCTION kyc.iin_of(resident_ uuid) RETURNS uuid
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            SELECT identifier.id FROM kyc.identifier JOIN kyc.claim USING (blind)
            WHERE identifier.resident = resident_ AND identifier.scheme = 'iin' AND identifier.ended_at IS NULL
            AND claim.kind = 'identifier' AND claim.resident = resident_
            ORDER BY identifier.id DESC LIMIT 1
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION kyc.iin_of FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION kyc.iin_of TO {walls.API}, {walls.WORKER}")


def _look_again() -> None:
    """Have the worker look at the credentials of whom something was found out about, by the machine's clock.

    Of those that are superseded only where a document was refused: whatever else is found, they end when they were to.
    """
    op.execute(
        """
        CREATE FUNCTION credential.look_again() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            UPDATE credential.credential SET due_at = now()
            WHERE holder = NEW.resident AND (
                state IN ('active', 'paused', 'suspended')
                OR state = 'superseded' AND to_jsonb(NEW) ->> 'outcome' = 'refused'
            );
            RETURN NULL;
        END $$
        """
    )
    for table, when in (("decision", "INSERT"), ("identifier", "INSERT OR UPDATE OF ended_at")):
        op.execute(
            f"CREATE TRIGGER credentials AFTER {when} ON kyc.{table}"
            " FOR EACH ROW EXECUTE FUNCTION credential.look_again()"
        )
