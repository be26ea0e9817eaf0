"""Step-ups that are checked before money moves and used up with it; who may still be sent money."""

from alembic import op

from migrations import walls

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_USING = "used_at, passkey, client_data, authenticator_data, signature"


def upgrade() -> None:
    """Bind a step-up to the session it was begun in, and let the API read it at once and use it up."""
    op.execute("ALTER TABLE app.step_up ADD COLUMN session uuid REFERENCES app.session")
    # Outside a batch the API itself uses up what is confirmed: devices, contacts, card numbers, consents.
    op.execute(f"GRANT UPDATE ({_USING}) ON app.step_up TO {walls.API}")
    _confirmation()
    # A batch of transfers asks whose wallets may receive.
    walls.grant("residency.status", posting="SELECT")


def downgrade() -> None:
    """Take it back."""
    op.execute(f"REVOKE SELECT ON residency.status FROM {walls.POSTING}")
    op.execute("DROP FUNCTION app.confirmation")
    op.execute(f"REVOKE UPDATE ({_USING}) ON app.step_up FROM {walls.API}")
    op.execute("ALTER TABLE app.step_up DROP COLUMN session")


def _confirmation() -> None:
    # All that a confirmation is checked against, in one round trip and without a lock: it comes before the batch. It
    # speaks for nobody yet, hence the audience; the subject is that of the caller's token.
    op.execute(
        """
        CREATE FUNCTION app.confirmation(
            asked uuid, claimed_by uuid, begun_in uuid, signed_by bytea, instant timestamptz
        ) RETURNS TABLE (
            id uuid, covered bytea, challenge bytea, limited_until timestamptz, public_key bytea, sign_count bigint
        )
        LANGUAGE sql STABLE SET app.audience = 'service' AS $$
            SELECT step_up.id, step_up.covered, step_up.challenge, subject.limited_until,
                   passkey.public_key, passkey.sign_count
            FROM app.step_up
            JOIN app.subject ON subject.id = step_up.subject
            LEFT JOIN app.passkey
                ON passkey.id = signed_by AND passkey.subject = step_up.subject AND passkey.removed_at IS NULL
            WHERE step_up.id = asked AND step_up.subject = claimed_by
              AND step_up.session IS NOT DISTINCT FROM begun_in
              AND step_up.used_at IS NULL AND step_up.expires_at > instant
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION app.confirmation FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION app.confirmation TO {walls.API}")
