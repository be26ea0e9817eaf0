"""The walls as the database itself describes them: what must hold for every table, view, function and role there is."""

from collections.abc import Iterator

import pytest

from migrations import walls
from tests.walls import catalogue, lives
from tests.walls.catalogue import CHECKS, OPEN, Check, Owner


@pytest.fixture
def owner(database: str) -> Iterator[Owner]:
    with lives.connect(database) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_wrong_with(owner: Owner, check: Check) -> None:
    assert check(owner) == []


#: A defect of each kind, and the check that finds it.
DEFECTS = (
    (catalogue.tables_without_a_wall, "ALTER TABLE kyc.document DISABLE ROW LEVEL SECURITY"),
    (
        catalogue.tables_without_a_wall,
        "CREATE TABLE app.note (holder uuid, words text); GRANT SELECT (words) ON app.note TO eresidency_api",
    ),
    (catalogue.walls_the_owner_passes, "ALTER TABLE kyc.document NO FORCE ROW LEVEL SECURITY"),
    (catalogue.views_that_look_as_their_owner, "CREATE VIEW kyc.v AS SELECT 1"),
    (catalogue.views_that_look_as_their_owner, "CREATE VIEW kyc.v WITH (security_invoker = false) AS SELECT 1"),
    (catalogue.views_that_look_as_their_owner, "CREATE MATERIALIZED VIEW kyc.v AS SELECT 1"),
    (catalogue.history_that_can_be_changed, "GRANT DELETE ON app.access TO eresidency_worker"),
    (catalogue.history_that_can_be_changed, "GRANT UPDATE (at) ON wallet.transfer TO eresidency_posting"),
    (catalogue.history_that_can_be_changed, "GRANT TRUNCATE ON app.challenge TO eresidency_api"),
    (catalogue.history_that_can_be_changed, "GRANT UPDATE ON app.feed TO PUBLIC"),
    (catalogue.rights_to_define, "GRANT CREATE ON SCHEMA app TO eresidency_report"),
    (catalogue.rights_to_define, "GRANT TRIGGER ON app.feed TO eresidency_worker"),
    (catalogue.rights_to_define, "GRANT REFERENCES ON app.feed TO eresidency_worker"),
    (catalogue.powers_of_roles, "GRANT eresidency_worker TO eresidency_api"),
    (catalogue.powers_of_roles, "ALTER ROLE eresidency_api BYPASSRLS"),
    (catalogue.powers_of_roles, "ALTER ROLE eresidency_report INHERIT"),
    (catalogue.powers_of_roles, "ALTER ROLE eresidency_card_vault LOGIN"),
    (catalogue.powers_of_roles, "ALTER TABLE app.lease OWNER TO eresidency_worker"),
    (catalogue.functions_anybody_runs, "GRANT EXECUTE ON FUNCTION app.open_vault TO PUBLIC"),
    (
        catalogue.functions_anybody_runs,
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC; CREATE FUNCTION app.f() RETURNS int RETURN 1",
    ),
    (
        catalogue.functions_that_can_be_led_astray,
        "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1",
    ),
    (catalogue.functions_that_can_be_led_astray, "ALTER FUNCTION app.open_vault SET search_path = app, pg_temp"),
)


@pytest.mark.parametrize(("check", "defect"), DEFECTS)
def test_a_defect_would_be_found(owner: Owner, check: Check, defect: str) -> None:
    owner.execute(defect.encode())

    assert check(owner) != []


def test_every_check_has_a_defect_it_finds() -> None:
    assert {check for check, _ in DEFECTS} == set(CHECKS)


@pytest.mark.parametrize("table", OPEN)
def test_no_table_is_excused_that_needs_no_excuse(owner: Owner, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    monkeypatch.delitem(OPEN, table)

    assert catalogue.tables_without_a_wall(owner) == [table]


@pytest.mark.parametrize("role", walls.ROLES)
def test_no_role_makes_tables_for_its_session(owner: Owner, template: str, role: str) -> None:
    # Rights on a database are not copied with it: asked of the one the revisions ran in.
    [allowed] = owner.execute("SELECT has_database_privilege(%s, %s, 'TEMPORARY')", [role, template]).fetchone() or ()

    assert not allowed
