"""Which wallet was let in from which phone, copies that end with one, and no copies in the moment of a refusal."""

from alembic import op

from migrations import walls

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

#: By whom a wallet is let in: an offer from the app, the page of the authorization, and the session that comes of it.
_LET_IN = ("pre_authorized_code", "authorization_code", "wallet_session")
_WAITS = "PERFORM pg_advisory_xact_lock(hashtextextended('credential.look_again' || NEW.resident, 0));"


def upgrade() -> None:
    """Build it."""
    for table in _LET_IN:
        op.execute(f"ALTER TABLE app.{table} ADD COLUMN device uuid")
    op.execute(
        """
        CREATE TABLE credential.voided (
            issuance uuid PRIMARY KEY CONSTRAINT voided_issuance REFERENCES credential.issuance,
            credential uuid NOT NULL CONSTRAINT voided_of REFERENCES credential.credential,
            holder uuid NOT NULL,
            reason text NOT NULL CHECK (reason IN ('device_lost')),
            at timestamptz NOT NULL
        )
        """
    )
    op.execute("CREATE INDEX voided_credential ON credential.voided (credential)")
    op.execute("CREATE INDEX voided_holder ON credential.voided (holder)")
    walls.append_only("credential.voided")
    walls.own_rows("credential.voided", "holder")
    walls.grant("credential.voided", api="SELECT, INSERT", worker="SELECT", report="SELECT")
    _look_again(_WAITS)


def downgrade() -> None:
    """Take it away."""
    _look_again("")
    op.execute("DROP TABLE credential.voided")
    for table in _LET_IN:
        op.execute(f"ALTER TABLE app.{table} DROP COLUMN device")


def _look_again(waits: str) -> None:
    """Write the function of 0039 anew.

    Who decides about somebody waits for copies that are being made for them (residency/credential/renewal.py `still`),
    and sees these; who makes copies a moment later sees what was decided.
    """
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION credential.look_again() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            {waits}
            UPDATE credential.credential SET due_at = now()
            WHERE holder = NEW.resident AND (
                state IN ('active', 'paused', 'suspended')
                OR state = 'superseded' AND to_jsonb(NEW) ->> 'outcome' = 'refused'
            );
            RETURN NULL;
        END $$
        """
    )
