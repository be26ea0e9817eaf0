"""The tables of screening, as migrations/versions/0032_kyc_screening.py builds them."""

from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Computed,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from kyc.lists import tables as lists
from kyc.tables import metadata

_EDITION = lists.list_edition.c.number

# Some hundred people who are looked up together; all of them were in `edition`.
cohort = Table(
    "cohort",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("members", Integer, nullable=False),
    Column("edition", Integer, ForeignKey(_EDITION), nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Index("cohort_edition", "edition"),
)

# Readable to the worker while it screens and while it wraps keys anew; to nobody else at any time.
cohort_key = Table(
    "cohort_key",
    metadata,
    Column("cohort", Uuid, ForeignKey("kyc.cohort.id"), primary_key=True),
    Column("kek_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Index("cohort_key_kek_version", "kek_version"),
)

# Everybody who is looked up. `person` is what their documents say, sealed with the key of the cohort; `asked` its keyed
# digest; `stale` says that there is no such copy yet, or that they have shown another document since.
screened = Table(
    "screened",
    metadata,
    Column("resident", Uuid, primary_key=True),
    Column("documents", ARRAY(Uuid), nullable=False),
    Column("cohort", Uuid, ForeignKey("kyc.cohort.id")),
    Column("person", LargeBinary),
    Column("asked", LargeBinary),
    Column("edition", Integer, ForeignKey(_EDITION)),
    Column("stale", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("screened_cohort", "cohort", "resident"),
    Index("screened_stale", "at", postgresql_where=text("stale")),
)

# Every look there was, of one person or of a cohort.
look = Table(
    "look",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("edition", Integer, ForeignKey(_EDITION), nullable=False),
    Column("cohort", Uuid, ForeignKey("kyc.cohort.id")),
    Column("resident", Uuid),
    Column("asked", LargeBinary),
    Column("persons", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Index("look_resident", "resident", "id"),
    Index("look_cohort", "cohort", "id"),
)

# Somebody came near an entity of a list. `matched` is the keyed digest of what met: with the person and the entity it
# is what the alert is about, so the same is never raised twice. `present` says whether it is so in the lists in force.
alert = Table(
    "alert",
    metadata,
    Column("id", Uuid, primary_key=True, server_default=text("uuidv7()")),
    Column("resident", Uuid, nullable=False),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("listed", LargeBinary, ForeignKey("kyc.listed_entity.sha256"), nullable=False),
    Column("list", LargeBinary, ForeignKey("kyc.list_snapshot.digest"), nullable=False),
    Column("name", Text, nullable=False),
    Column("score", Integer, nullable=False),
    Column("matched", LargeBinary, nullable=False),
    Column("grave", Boolean, nullable=False),
    Column("measured", Boolean, nullable=False, server_default=text("false")),
    Column("rules", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("present", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("act", Uuid),
    Column("until", DateTime(timezone=True)),
    Column("raised_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("freed", Boolean, Computed("CASE WHEN state = 'cleared' THEN true END", persisted=True)),
    UniqueConstraint("resident", "source", "entity", "matched", name="alert_once"),
    UniqueConstraint("id", "resident", name="alert_of"),
    ForeignKeyConstraint(
        ["act", "freed"], ["kyc.alert_act.id", "kyc.alert_act.frees"], name="alert_freed_by_two", use_alter=True
    ),
    Index("alert_queue", "state", text("grave DESC"), "raised_at", "id"),
    Index("alert_until", "until", postgresql_where=text("until IS NOT NULL")),
    Index("alert_unmeasured", "raised_at", postgresql_where=text("grave AND state = 'open' AND NOT measured")),
)

# What one officer proposes and another one settles; `confirm` alone needs one.
alert_act = Table(
    "alert_act",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("alert", Uuid, nullable=False),
    Column("resident", Uuid, nullable=False),
    Column("act", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("until", DateTime(timezone=True)),
    Column("note", LargeBinary),
    Column("proposed_by", Text, nullable=False),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("decided_by", Text),
    Column("decided_at", DateTime(timezone=True)),
    Column("agreed", Boolean),
    Column(
        "frees",
        Boolean,
        Computed("CASE WHEN act <> 'confirm' AND agreed AND decided_by IS NOT NULL THEN true END", persisted=True),
    ),
    ForeignKeyConstraint(["alert", "resident"], ["kyc.alert.id", "kyc.alert.resident"], ondelete="CASCADE"),
    UniqueConstraint("id", "frees", name="alert_act_frees"),
    Index("alert_act_open", "alert", unique=True, postgresql_where=text("agreed IS NULL")),
    Index("alert_act_alert", "alert", "id"),
    Index("alert_act_resident", "resident"),
)
