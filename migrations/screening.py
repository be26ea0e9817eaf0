"""Alerts of screening, what officers do to them, and the functions by which a story of the person itself writes them.

A revision calls build() and drop() (migrations/versions/0032_kyc_screening.py).
"""

from alembic import op

from migrations import walls

#: Who calls what; the last two are called by others alone.
_FUNCTIONS = {
    "kyc.settle_alerts": "uuid, jsonb, boolean, text, timestamptz",
    "kyc.note_look": "uuid, integer, bytea, bytea, bytea, integer, timestamptz",
    "kyc.note_shown": "uuid, uuid, timestamptz",
    "kyc.refuse_another": "uuid",
    "kyc.refuse_others_name": "",
}
_CALLED_BY_OTHERS = ("kyc.refuse_another", "kyc.refuse_others_name")
#: The life of an alert (kyc/screening/act.py, kyc/screening/alert.py): what is decided goes no other way.
_LIFE = "'open>lapsed', 'lapsed>open', 'open>cleared', 'open>confirmed', 'cleared>confirmed', 'confirmed>cleared'"


def build() -> None:
    """Build the tables, then the functions that write them."""
    for part in (_alerts, _life, _acts, _own_name, _own, _settle, _note):
        part()


def drop() -> None:
    """Drop all of it."""
    op.execute("ALTER TABLE kyc.alert DROP CONSTRAINT alert_freed_by_two")
    for table in ("alert_act", "alert"):
        op.execute(f"DROP TABLE kyc.{table}")
    for function, takes in _FUNCTIONS.items():
        op.execute(f"DROP FUNCTION {function}({takes})")


def _alerts() -> None:
    # Its identity is the person, the entity and what of both met (`matched`): the same is never raised twice.
    op.execute(
        """
        CREATE TABLE kyc.alert (
            id uuid PRIMARY KEY DEFAULT uuidv7(),
            resident uuid NOT NULL,
            source text NOT NULL,
            entity text NOT NULL,
            listed bytea NOT NULL REFERENCES kyc.listed_entity,
            list bytea NOT NULL REFERENCES kyc.list_snapshot,
            name text NOT NULL,
            score integer NOT NULL CHECK (score BETWEEN 0 AND 100),
            matched bytea NOT NULL CHECK (length(matched) = 32),
            grave boolean NOT NULL,
            measured boolean NOT NULL DEFAULT false,
            rules text NOT NULL,
            state text NOT NULL CHECK (state IN ('open', 'cleared', 'confirmed', 'lapsed')),
            present boolean NOT NULL,
            version integer NOT NULL CHECK (version > 0),
            act uuid,
            until timestamptz,
            raised_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            freed boolean GENERATED ALWAYS AS (CASE WHEN state = 'cleared' THEN true END) STORED,
            CONSTRAINT alert_once UNIQUE (resident, source, entity, matched),
            CONSTRAINT alert_of UNIQUE (id, resident),
            CONSTRAINT alert_until CHECK (until IS NULL OR state = 'cleared'),
            CONSTRAINT alert_decided CHECK ((act IS NOT NULL) = (state IN ('cleared', 'confirmed'))),
            CONSTRAINT alert_lapsed CHECK (state IN ('cleared', 'confirmed') OR present = (state = 'open'))
        )
        """
    )
    op.execute("CREATE INDEX alert_queue ON kyc.alert (state, grave DESC, raised_at, id)")
    op.execute("CREATE INDEX alert_until ON kyc.alert (until) WHERE until IS NOT NULL")
    op.execute("CREATE INDEX alert_unmeasured ON kyc.alert (raised_at) WHERE grave AND state = 'open' AND NOT measured")
    walls.for_officers("kyc.alert")
    running = "state, version, act, until, changed_at"
    walls.grant("kyc.alert", api=f"SELECT, UPDATE ({running})", report="SELECT")
    walls.grant("kyc.alert", worker=f"SELECT, UPDATE ({running}, measured)")


def _life() -> None:
    # Only the end of a whitelisting opens again what two officers cleared.
    step = "OLD.state || '>' || NEW.state"
    over = "OLD.state = 'cleared' AND NEW.state IN ('open', 'lapsed') AND OLD.until IS NOT NULL"
    walls.refuse("kyc.alert", "INSERT", when="NEW.state <> 'open'")
    walls.refuse("kyc.alert", "UPDATE", when=f"OLD.state <> NEW.state AND {step} NOT IN ({_LIFE}) AND NOT ({over})")


def _acts() -> None:
    op.execute(
        """
        CREATE TABLE kyc.alert_act (
            id uuid PRIMARY KEY,
            alert uuid NOT NULL,
            resident uuid NOT NULL,
            act text NOT NULL CHECK (act IN ('clear', 'whitelist', 'confirm', 'release')),
            reason text NOT NULL CHECK (reason ~ '^[a-z_]{1,40}$'),
            until timestamptz,
            note bytea,
            proposed_by text NOT NULL,
            proposed_at timestamptz NOT NULL,
            decided_by text,
            decided_at timestamptz,
            agreed boolean,
            frees boolean GENERATED ALWAYS AS (
                CASE WHEN act <> 'confirm' AND agreed AND decided_by IS NOT NULL THEN true END
            ) STORED,
            FOREIGN KEY (alert, resident) REFERENCES kyc.alert (id, resident) ON DELETE CASCADE,
            CONSTRAINT alert_act_frees UNIQUE (id, frees),
            CONSTRAINT alert_four_eyes CHECK (decided_by <> proposed_by),
            CONSTRAINT alert_act_until CHECK ((act = 'whitelist') = (until IS NOT NULL)),
            CONSTRAINT alert_act_decided CHECK (
                CASE WHEN act = 'confirm' THEN agreed AND num_nulls(decided_by, decided_at) = 2
                     ELSE num_nulls(decided_by, decided_at, agreed) IN (0, 3) END
            )
        )
        """
    )
    op.execute("CREATE UNIQUE INDEX alert_act_open ON kyc.alert_act (alert) WHERE agreed IS NULL")
    op.execute("CREATE INDEX alert_act_alert ON kyc.alert_act (alert, id)")
    op.execute("CREATE INDEX alert_act_resident ON kyc.alert_act (resident)")
    walls.for_officers("kyc.alert_act")
    walls.refuse("kyc.alert_act", "INSERT", when="NEW.act <> 'confirm' AND NEW.agreed IS NOT NULL")
    walls.refuse("kyc.alert_act", "UPDATE", when="OLD.agreed IS NOT NULL")
    walls.grant(
        "kyc.alert_act", api="SELECT, INSERT, UPDATE (decided_by, decided_at, agreed)", worker="SELECT", report="SELECT"
    )
    # Nobody is free of an alert but by the word of two officers.
    op.execute(
        "ALTER TABLE kyc.alert ADD CONSTRAINT alert_freed_by_two"
        " FOREIGN KEY (act, freed) REFERENCES kyc.alert_act (id, frees)"
    )


def _own_name() -> None:
    # Whatever the API's code says: an officer proposes and decides in their own name. What a confirmation overtakes is
    # dropped by nobody (kyc/screening/act.py).
    op.execute(
        f"""
        CREATE FUNCTION kyc.refuse_others_name() RETURNS trigger
        LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        DECLARE says text := CASE WHEN TG_OP = 'INSERT' THEN NEW.proposed_by ELSE NEW.decided_by END;
        BEGIN
            IF TG_OP = 'UPDATE' AND NEW.agreed IS FALSE AND says = 'system:confirmed' THEN
                RETURN NEW;
            END IF;
            IF session_user = '{walls.API}' AND (
                says IS DISTINCT FROM current_setting('app.actor', true) OR says !~ '^officer:') THEN
                RAISE EXCEPTION 'in one''s own name only' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER own_name BEFORE INSERT OR UPDATE ON kyc.alert_act"
        " FOR EACH ROW EXECUTE FUNCTION kyc.refuse_others_name()"
    )


def _own() -> None:
    op.execute(
        f"""
        CREATE FUNCTION kyc.refuse_another(resident_ uuid) RETURNS void
        LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            IF session_user = '{walls.API}'
                AND coalesce(current_setting('app.audience', true), '') NOT IN ('officer', 'service')
                AND resident_ IS DISTINCT FROM NULLIF(current_setting('app.holder', true), '')::uuid THEN
                RAISE EXCEPTION 'of oneself only' USING ERRCODE = 'insufficient_privilege';
            END IF;
        END $$
        """
    )


def _settle() -> None:
    # The one place where alerts come to be, lapse and come back by themselves. It runs in the story of the person, who
    # may neither read nor write an alert, so it runs as its owner and looks at nobody but whom the story speaks for.
    op.execute(
        """
        CREATE FUNCTION kyc.settle_alerts(
            resident_ uuid, found_ jsonb, whole_ boolean, rules_ text, at_ timestamptz
        ) RETURNS TABLE (id_ uuid, source_ text, entity_ text, state_ text, present_ boolean, was_ text)
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE was jsonb;
        BEGIN
            PERFORM kyc.refuse_another(resident_);
            IF whole_ THEN  -- nobody says of oneself that this is all
                PERFORM kyc.refuse_another(NULL);
            END IF;
            PERFORM pg_advisory_xact_lock(hashtextextended('kyc.alert:' || resident_, 0));
            was := (SELECT coalesce(jsonb_object_agg(id, state), '{}') FROM kyc.alert WHERE resident = resident_);
            INSERT INTO kyc.alert AS known (resident, source, entity, listed, list, name, score, matched, grave, rules,
                state, present, version, raised_at, changed_at)
            SELECT resident_, source, entity, decode(listed, 'hex'), decode(list, 'hex'), name, score,
                decode(matched, 'hex'), grave, rules_, 'open', true, 1, at_, at_
            FROM jsonb_to_recordset(found_) AS hit (source text, entity text, listed text, list text, name text,
                score integer, matched text, grave boolean)
            ON CONFLICT ON CONSTRAINT alert_once DO UPDATE SET present = true, listed = excluded.listed,
                list = excluded.list, name = excluded.name, score = excluded.score, grave = excluded.grave,
                rules = excluded.rules, version = known.version + 1,
                state = CASE known.state WHEN 'lapsed' THEN 'open' ELSE known.state END,
                measured = known.measured AND known.state <> 'lapsed',
                changed_at = CASE known.state WHEN 'lapsed' THEN excluded.changed_at ELSE known.changed_at END
            WHERE (known.present, known.listed, known.score, known.grave)
                IS DISTINCT FROM (true, excluded.listed, excluded.score, excluded.grave);
            UPDATE kyc.alert AS gone SET present = false, version = gone.version + 1,
                state = CASE gone.state WHEN 'open' THEN 'lapsed' ELSE gone.state END,
                changed_at = CASE gone.state WHEN 'open' THEN at_ ELSE gone.changed_at END
            WHERE whole_ AND gone.resident = resident_ AND gone.present AND NOT EXISTS (
                SELECT FROM jsonb_to_recordset(found_) AS hit (source text, entity text, matched text)
                WHERE hit.source = gone.source AND hit.entity = gone.entity
                    AND decode(hit.matched, 'hex') = gone.matched);
            RETURN QUERY SELECT alert.id, alert.source, alert.entity, alert.state, alert.present,
                was ->> alert.id::text FROM kyc.alert AS alert WHERE alert.resident = resident_ ORDER BY alert.id;
        END $$
        """
    )


def _note() -> None:
    op.execute(
        """
        CREATE FUNCTION kyc.note_look(
            resident_ uuid, edition_ integer, asked_ bytea, root_ bytea, leaf_ bytea, found_ integer, at_ timestamptz
        ) RETURNS uuid
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        DECLARE noted uuid;
        BEGIN
            PERFORM kyc.refuse_another(resident_);
            INSERT INTO kyc.look (edition, resident, asked, persons, found, root, leaves, at)
            VALUES (edition_, resident_, asked_, 1, found_, root_, leaf_, at_) RETURNING id INTO noted;
            RETURN noted;
        END $$
        """
    )
    # Whoever shows another document is somebody else to be looked up: due, until the worker has read both.
    op.execute(
        """
        CREATE FUNCTION kyc.note_shown(resident_ uuid, document_ uuid, at_ timestamptz) RETURNS void
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            PERFORM kyc.refuse_another(resident_);
            INSERT INTO kyc.screened AS known (resident, documents, stale, at)
            VALUES (resident_, ARRAY[document_], true, at_)
            ON CONFLICT (resident) DO UPDATE SET stale = true, at = at_, documents = known.documents || document_
            WHERE NOT document_ = ANY (known.documents);
        END $$
        """
    )
    for function, takes in _FUNCTIONS.items():
        op.execute(f"REVOKE ALL ON FUNCTION {function}({takes}) FROM PUBLIC")
        if function not in _CALLED_BY_OTHERS:
            op.execute(f"GRANT EXECUTE ON FUNCTION {function}({takes}) TO {walls.API}, {walls.WORKER}")
