"""What an element of a card payment is about: what it takes back, the question whose answer it tells."""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_CAUSES = ("over_capture", "force_post", "after_expiry", "stand_in", "fee")
# An advice is about the question it answers (cards/iso8583/names.py), what was taken at once about who asked for it.
_ABOUT = r"""
    subject = CASE WHEN single AND kind = 'clearing' THEN regexp_replace(source, '/taken$', '')
                   ELSE regexp_replace(source, '^0([12])20/', '0\100/') END
    WHERE source IS NOT NULL AND kind <> 'reversal' AND (source ~ '^0[12]20/' OR single AND kind = 'clearing')
"""


def upgrade() -> None:
    """Build it."""
    op.execute("ALTER TABLE cards.element ADD COLUMN subject text")
    _restate(_ABOUT)
    # What a refund that is taken back leaves the wallet owing is lent like the rest.
    _recheck(lent_for=("clearing", "fee", "reversal"), causes=(*_CAUSES, "taken_back"))
    _disputable(
        """
        WITH said AS (
            SELECT coalesce(subject, source) AS about,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'clearing'), 0) AS taken,
                   coalesce(bool_or(single), false) AS single,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0) AS refunded,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal' AND subject <> ''), 0) AS taken_back,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal' AND subject IS NULL), 0) AS nameless
            FROM cards.element WHERE lane = lane_ AND payment = payment_ AND source IS NOT NULL GROUP BY about
        ), sums AS (
            SELECT coalesce(sum(greatest(taken - taken_back, 0)), 0) AS taken,
                   coalesce(sum(greatest(taken - taken_back, 0)) FILTER (WHERE single), 0) AS at_once,
                   coalesce(sum(greatest(refunded - taken_back, 0)), 0) AS refunded,
                   coalesce(sum(nameless), 0) AS nameless
            FROM said
        ), elsewhere AS (
            SELECT coalesce(sum(greatest(refund.amount_minor - coalesce(back.minor, 0), 0)), 0) AS refunded
            FROM cards.link JOIN cards.element AS refund ON refund.lane = link.lane AND refund.payment = link.payment
            LEFT JOIN LATERAL (
                SELECT sum(amount_minor) AS minor FROM cards.element
                WHERE element.lane = refund.lane AND element.payment = refund.payment AND element.kind = 'reversal'
                  AND element.subject = coalesce(refund.subject, refund.source)
            ) AS back ON true
            WHERE link.lane = lane_ AND link.about = payment_ AND link.confidence <> 'likely' AND refund.kind = 'refund'
        )
        SELECT (taken - sums.refunded - elsewhere.refunded - least(nameless, at_once))::bigint FROM sums, elsewhere
        """
    )


def downgrade() -> None:
    """Take it away."""
    _disputable(
        """
        WITH sums AS (
            SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'clearing'), 0) AS captured,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'refund'), 0) AS refunded,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'reversal'), 0) AS reversed,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'clearing' AND single), 0) AS single,
                   coalesce(max(amount_minor) FILTER (WHERE kind = 'confirmation'),
                            sum(amount_minor) FILTER (WHERE kind IN ('authorization', 'increment')), 0) AS promise
            FROM cards.element WHERE lane = lane_ AND payment = payment_
        ), elsewhere AS (
            SELECT coalesce(sum(amount_minor), 0) AS refunded
            FROM cards.link JOIN cards.element ON element.lane = link.lane AND element.payment = link.payment
            WHERE link.lane = lane_ AND link.about = payment_ AND link.confidence <> 'likely'
              AND element.kind = 'refund'
        )
        SELECT (captured - sums.refunded - elsewhere.refunded
                - least(greatest(reversed - greatest(promise - captured, 0), 0), single))::bigint
        FROM sums, elsewhere
        """
    )
    # What was lent for a refund that was taken back stays lent, under the cause that comes nearest.
    _restate("cause = 'over_capture' WHERE cause = 'taken_back'")
    _recheck(lent_for=("clearing", "fee"), causes=_CAUSES, known="NOT VALID")
    op.execute("ALTER TABLE cards.element DROP COLUMN subject")


def _restate(change: str) -> None:
    op.execute("ALTER TABLE cards.element DISABLE TRIGGER append_only")
    op.execute(f"UPDATE cards.element SET {change}")
    op.execute("ALTER TABLE cards.element ENABLE TRIGGER append_only")


def _recheck(*, lent_for: tuple[str, ...], causes: tuple[str, ...], known: str = "") -> None:
    for name, condition in (
        ("element_check3", f"kind IN {lent_for} OR (short_minor = 0 AND (NOT final OR kind = 'match'))"),
        ("element_cause_check", f"cause IN {causes}"),
    ):
        op.execute(f"ALTER TABLE cards.element DROP CONSTRAINT {name}")
        op.execute(f"ALTER TABLE cards.element ADD CONSTRAINT {name} CHECK ({condition}) {known}")


def _disputable(body: str) -> None:
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION cards.disputable(lane_ integer, payment_ uuid) RETURNS bigint
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ {body} $$
        """
    )
