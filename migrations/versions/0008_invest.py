"""Invest: the consent, the catalogue with its immutable terms, previews, placements and their transitions."""

from datetime import UTC, datetime

import sqlalchemy
from alembic import op

from migrations import walls

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_SINCE = datetime(2026, 4, 25, tzinfo=UTC)  # the decree's day: no consent can be older
# RFC 8785 text: what is hashed and agreed to.
_CONSENT = (
    '{"en":"I take part in e-Residency Invest of my own will. The operator passes my orders to partner banks and '
    "brokers; it does not hold my investments and gives no advice. Every placement needs my own confirmation. What I "
    "place leaves my wallet until maturity, or until an early exit on the terms shown. The deposit insurance fund "
    "guarantees money only where, and only up to the amount that, the preview says. I can leave at any time; "
    'placements already made run on under their terms.",'
    '"kk":"Мен e-Residency Invest бағдарламасына өз еркіммен қатысамын. Оператор менің тапсырмаларымды серіктес '
    "банктер мен брокерлерге жеткізеді; ол менің инвестицияларымды сақтамайды және кеңес бермейді. Әр орналастыру "
    "менің жеке растауымды қажет етеді. Орналастырылған ақша мерзімі біткенше немесе көрсетілген шарттармен мерзімінен "
    "бұрын алынғанша әмияннан шығады. Депозиттерге кепілдік беру қоры алдын ала есепте көрсетілген жағдайда және "
    "сонда көрсетілген сомаға дейін ғана кепілдік береді. Мен кез келген уақытта бас тарта аламын; бұрын жасалған "
    'орналастырулар өз шарттарымен жалғасады.",'
    '"ru":"Я участвую в e-Residency Invest добровольно. Оператор передаёт мои поручения банкам-партнёрам и брокерам; '
    "он не хранит мои инвестиции и не даёт советов. Каждое размещение требует моего отдельного подтверждения. "
    "Размещённые деньги уходят из кошелька до окончания срока или до досрочного изъятия на показанных условиях. Фонд "
    "гарантирования депозитов гарантирует деньги только там и только в той сумме, которые указаны в предварительном "
    'расчёте. Я могу выйти в любой момент; уже сделанные размещения действуют на своих условиях."}'
)


def upgrade() -> None:
    """Build the schema `invest`."""
    walls.schema("invest")
    _consent()
    _catalogue()
    _preview()
    _placement()
    walls.journal("invest")


def downgrade() -> None:
    """Drop the schema with everything in it."""
    op.execute("DROP SCHEMA invest CASCADE")


def _consent() -> None:
    op.execute(
        """
        CREATE TABLE invest.consent_text (
            version integer PRIMARY KEY CHECK (version > 0),
            body text NOT NULL,
            sha256 bytea NOT NULL CHECK (sha256 = sha256(convert_to(body, 'UTF8'))),
            valid_from timestamptz NOT NULL
        )
        """
    )
    walls.append_only("invest.consent_text")
    walls.grant("invest.consent_text", api="SELECT", posting="SELECT", worker="SELECT, INSERT", report="SELECT")
    op.execute(
        sqlalchemy.text(
            "INSERT INTO invest.consent_text VALUES (1, :body, sha256(convert_to(:body, 'UTF8')), :since)"
        ).bindparams(body=_CONSENT, since=_SINCE)
    )
    op.execute(
        """
        CREATE TABLE invest.consent (
            holder uuid NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            given boolean NOT NULL,
            text_version integer NOT NULL REFERENCES invest.consent_text,
            actor text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (holder, version)
        )
        """
    )
    walls.append_only("invest.consent")
    walls.own_rows("invest.consent", "holder")
    walls.grant("invest.consent", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _catalogue() -> None:
    op.execute(
        """
        CREATE TABLE invest.product (
            id uuid PRIMARY KEY,
            code text NOT NULL UNIQUE CHECK (code ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
            partner uuid NOT NULL,
            kind text NOT NULL CHECK (kind IN ('term_deposit')),
            jurisdiction text NOT NULL CHECK (jurisdiction IN ('RK', 'AIFC')),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$')
        )
        """
    )
    walls.append_only("invest.product")
    walls.grant("invest.product", api="SELECT", posting="SELECT", worker="SELECT, INSERT", report="SELECT")
    # A version of terms is what a client agreed to: the text that was hashed is kept byte for byte, and never edited.
    op.execute(
        """
        CREATE TABLE invest.terms (
            id uuid PRIMARY KEY,
            product uuid NOT NULL REFERENCES invest.product,
            version integer NOT NULL CHECK (version > 0),
            body text NOT NULL,
            sha256 bytea NOT NULL CHECK (sha256 = sha256(convert_to(body, 'UTF8'))),
            offered boolean NOT NULL,
            valid_from timestamptz NOT NULL,
            UNIQUE (product, version)
        )
        """
    )
    walls.append_only("invest.terms")
    walls.grant("invest.terms", api="SELECT", posting="SELECT", worker="SELECT, INSERT", report="SELECT")


def _preview() -> None:
    op.execute(
        """
        CREATE TABLE invest.preview (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            product uuid NOT NULL REFERENCES invest.product,
            terms uuid NOT NULL REFERENCES invest.terms,
            quote jsonb NOT NULL,
            at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL CHECK (expires_at > at)
        )
        """
    )
    walls.append_only("invest.preview")
    walls.own_rows("invest.preview", "holder")
    walls.grant("invest.preview", api="SELECT, INSERT", posting="SELECT", worker="SELECT", report="SELECT")


def _placement() -> None:
    op.execute(
        """
        CREATE TABLE invest.placement (
            id uuid PRIMARY KEY,
            holder uuid NOT NULL,
            preview uuid NOT NULL UNIQUE REFERENCES invest.preview,
            product uuid NOT NULL REFERENCES invest.product,
            terms uuid NOT NULL REFERENCES invest.terms,
            partner uuid NOT NULL,
            principal_minor bigint NOT NULL CHECK (principal_minor > 0),
            interest_minor bigint NOT NULL CHECK (interest_minor >= 0),
            currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
            starts_on date NOT NULL,
            matures_on date NOT NULL CHECK (matures_on > starts_on),
            requested_at timestamptz NOT NULL,
            state text NOT NULL CHECK (state IN (
                'requested', 'sent', 'unknown', 'confirmed', 'booked', 'matured', 'repaid', 'rejected', 'released')),
            version integer NOT NULL CHECK (version > 0),
            bank_reference text,
            reason text,
            trouble text,
            due_at timestamptz,
            attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
            leased_until timestamptz,
            CHECK (bank_reference IS NOT NULL OR state NOT IN ('confirmed', 'booked', 'matured', 'repaid')),
            CHECK (reason IS NOT NULL OR state NOT IN ('rejected', 'released'))
        )
        """
    )
    op.execute("CREATE INDEX placement_due ON invest.placement (due_at) WHERE due_at IS NOT NULL")
    op.execute(
        "CREATE INDEX placement_matures ON invest.placement (matures_on) WHERE due_at IS NULL AND state = 'booked'"
    )
    op.execute("CREATE INDEX placement_holder ON invest.placement (holder, id)")
    walls.own_rows("invest.placement", "holder")
    running = "state, version, bank_reference, reason, trouble, due_at, attempts, leased_until"
    walls.grant("invest.placement", api="SELECT", worker=f"SELECT, UPDATE ({running})", report="SELECT")
    walls.grant("invest.placement", posting=f"SELECT, INSERT, UPDATE ({running})")
    op.execute(
        """
        CREATE TABLE invest.transition (
            placement uuid NOT NULL REFERENCES invest.placement,
            version integer NOT NULL CHECK (version > 0),
            holder uuid NOT NULL,
            act text NOT NULL,
            state text NOT NULL,
            actor text NOT NULL,
            at timestamptz NOT NULL,
            PRIMARY KEY (placement, version)
        )
        """
    )
    walls.append_only("invest.transition")
    walls.own_rows("invest.transition", "holder")
    walls.grant("invest.transition", api="SELECT", posting="SELECT, INSERT", worker="SELECT, INSERT", report="SELECT")
