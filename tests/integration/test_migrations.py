import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from forecourt.errors import PermanentError, RetryableError
from forecourt.storage.schema import SchemaAction, SchemaChange
from tests.support.postgres import MIGRATIONS, PostgresForTests, schema_at
from tests.support.schema_shape import columns_of, rows_of, shape_of, tables_of

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
SCHEMAS = Path(__file__).parents[1] / "support" / "base_schemas"
GENERATIONS = {
    "plain_sql": ["plain_sql.sql"],
    "orm": ["orm.sql"],
    "orm_with_easycars": ["orm.sql", "easycars_shipped.sql"],
}
TABLES_OF_THE_DESIGN = {
    "dealership", "vehicle", "lead", "dealership_easycars_credentials", "easycars_sync_logs",
    "easycars_sync_logs_archive", "dealership_settings", "system_settings",
    "lead_status_conflicts", "lead_delivery", "lead_delivery_attempt", "vehicle_image",
    "dynamics_connection", "site_key", "dealership_origin", "site_refusal", "sync_job",
    "vendor_frontier",
    "circuit_breaker", "rate_limit", "audit_log", "lead_d365_sync",
    "dynamics_budget", "dynamics_budget_grant", "dynamics_budget_wait",
}  # fmt: skip

# Alembic keeps its context in module globals: two migrations at once are two processes.
MIGRATE_AND_COUNT = """
import sys
from forecourt.storage.schema import SchemaAction
from tests.support.postgres import schema_at
print(len(schema_at(sys.argv[1]).run(SchemaAction.UPGRADE).applied))
"""

ALEMBIC = [sys.executable, "-m", "alembic", "-c", str(MIGRATIONS / "alembic.ini")]


@pytest.fixture
def empty(postgres: PostgresForTests) -> Iterator[str]:
    with postgres.empty_database() as url:
        yield url


@pytest.fixture(params=GENERATIONS)
def existing(request: pytest.FixtureRequest, empty: str) -> str:
    with psycopg.connect(empty) as connection:
        for name in GENERATIONS[request.param]:
            connection.execute((SCHEMAS / name).read_text().encode())
    return empty


@pytest.fixture
def shipped(empty: str) -> str:
    with psycopg.connect(empty) as connection:
        for name in GENERATIONS["orm_with_easycars"]:
            connection.execute((SCHEMAS / name).read_text().encode())
    return empty


def up(url: str, revision: str = "head") -> SchemaChange:
    return schema_at(url).run(SchemaAction.UPGRADE, revision)


def down(url: str, revision: str = "base") -> SchemaChange:
    return schema_at(url).run(SchemaAction.DOWNGRADE, revision)


def do(url: str, statement: str, parameters: list[str] | None = None) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement.encode(), parameters)


def findings(url: str) -> list[tuple[str, str, int | None]]:
    return rows_of(url, "migration_finding", ["kind", "table_name", "row_id"])


class TestOnAnEmptyDatabase:
    def test_up_makes_every_table_of_the_design(self, empty: str) -> None:
        change = up(empty)

        assert change == SchemaChange(before=None, after="0010", applied=REVISIONS)
        assert tables_of(empty) == TABLES_OF_THE_DESIGN | {"schema_before", "migration_finding"}
        assert findings(empty) == []

    def test_down_leaves_nothing(self, empty: str) -> None:
        up(empty)

        change = down(empty)

        assert change == SchemaChange(before="0010", after=None, applied=REVISIONS[::-1])
        assert shape_of(empty) == set()

    def test_up_again_changes_nothing(self, empty: str) -> None:
        up(empty)
        first = shape_of(empty)

        assert up(empty) == SchemaChange(before="0010", after="0010", applied=())
        assert shape_of(empty) == first

    def test_every_step_down_and_up_again_comes_to_the_same(self, empty: str) -> None:
        up(empty)
        first = shape_of(empty)

        for revision in REVISIONS[-2::-1]:
            down(empty, revision)
            up(empty)
            assert shape_of(empty) == first

    def test_current_tells_the_revision_and_changes_nothing(self, empty: str) -> None:
        up(empty, "0003")

        assert schema_at(empty).run(SchemaAction.CURRENT) == SchemaChange("0003", "0003", ())


class TestOverExistingTables:
    def test_up_keeps_every_row_and_down_gives_the_old_schema_back(self, existing: str) -> None:
        shape = shape_of(existing)
        rows = {name: rows_of(existing, name) for name in tables_of(existing)}

        up(existing)
        assert tables_of(existing) >= TABLES_OF_THE_DESIGN
        for name, before in rows.items():
            assert len(rows_of(existing, name)) >= len(before)

        down(existing)
        assert shape_of(existing) == shape
        for name in ("dealership", "vehicle", "lead"):
            assert rows_of(existing, name) == rows[name]

    def test_columns_that_were_there_keep_their_values(self, existing: str) -> None:
        kept = {name: columns_of(existing, name) for name in ("dealership", "lead")}
        before = {name: rows_of(existing, name, columns) for name, columns in kept.items()}

        up(existing)

        assert {name: rows_of(existing, name, cols) for name, cols in kept.items()} == before

    def test_a_dealership_needs_only_a_name(self, existing: str) -> None:
        up(existing)

        do(existing, "INSERT INTO dealership (name) VALUES ('New')")

        assert len(rows_of(existing, "dealership")) == 3

    def test_the_widened_status_takes_won_lost_and_deleted(self, existing: str) -> None:
        up(existing)

        for status in ("won", "lost", "deleted"):
            do(existing, "UPDATE lead SET status = %s WHERE id = 1", [status])
        with pytest.raises(psycopg.errors.CheckViolation):
            do(existing, "UPDATE lead SET status = 'gone fishing' WHERE id = 1")

    def test_old_leads_get_an_external_id_each_and_the_time_their_row_was_made(
        self, existing: str
    ) -> None:
        up(existing)

        rows = rows_of(existing, "lead", ["external_id", "created_at", "received_at"])
        assert len({external_id for external_id, _, _ in rows}) == 2
        for _, created, received in rows:
            assert received.replace(tzinfo=None) == created.replace(tzinfo=None)

    def test_down_keeps_a_status_the_old_check_did_not_know(self, empty: str) -> None:
        do(empty, (SCHEMAS / "plain_sql.sql").read_text())
        up(empty)
        do(empty, "UPDATE lead SET status = 'won' WHERE id = 1")

        down(empty)

        assert rows_of(empty, "lead", ["id", "status"]) == [(1, "won"), (2, "done")]
        with pytest.raises(psycopg.errors.CheckViolation, match="a_name_nobody_expects"):
            do(empty, "UPDATE lead SET status = 'lost' WHERE id = 2")

    def test_a_value_no_check_foresaw_stays_usable_and_is_listed(self, empty: str) -> None:
        do(empty, (SCHEMAS / "orm.sql").read_text())

        up(empty)
        do(empty, "UPDATE lead SET rating = 'Hot' WHERE status = 'archived'")

        assert rows_of(empty, "migration_finding", ["kind", "table_name", "detail"]) == [
            ("unknown_value", "lead", {"column": "status", "value": "archived", "rows": 1})
        ]

    def test_only_missing_base_tables_are_made(self, empty: str) -> None:
        do(empty, "CREATE TABLE dealership (id serial PRIMARY KEY, name text NOT NULL)")
        shape = shape_of(empty)

        up(empty)
        assert tables_of(empty) >= TABLES_OF_THE_DESIGN

        down(empty)
        assert shape_of(empty) == shape


class TestOverTheTablesOfAnEarlierIntegration:
    def test_of_a_doubled_stock_number_the_newest_row_keeps_it(self, shipped: str) -> None:
        up(shipped)

        numbers = dict(rows_of(shipped, "vehicle", ["id", "easycars_stock_number"]))
        assert numbers == {1: "S001", 2: "S1", 3: "S1", 4: None, 5: None, 6: "S006"}

    def test_lost_numbers_are_listed_and_come_back_on_the_way_down(self, shipped: str) -> None:
        before = rows_of(shipped, "vehicle", ["id", "easycars_stock_number"])

        up(shipped)
        lost = [finding for finding in findings(shipped) if finding[1] == "vehicle"]
        assert ("stock_number_blank", "vehicle", 5) in lost
        assert ("stock_number_doubled", "vehicle", 4) in lost

        down(shipped)
        assert rows_of(shipped, "vehicle", ["id", "easycars_stock_number"]) == before

    def test_credentials_nobody_here_can_read_are_switched_off_and_listed(
        self, shipped: str
    ) -> None:
        up(shipped)

        assert ("credentials_to_enter_again", "dealership_easycars_credentials", 1) in findings(
            shipped
        )
        assert rows_of(shipped, "dealership_easycars_credentials", ["is_active"]) == [(False,)]

        down(shipped)
        assert rows_of(shipped, "dealership_easycars_credentials", ["is_active"]) == [(True,)]

    def test_settings_that_were_changed_stay_and_missing_ones_are_added(self, shipped: str) -> None:
        up(shipped)

        settings = dict(rows_of(shipped, "system_settings", ["key", "value"]))
        assert settings["easycar_sync_cron"] == "30 3 * * *"
        assert settings["easycar_sync_enabled"] == "true"
        assert rows_of(shipped, "dealership_settings", ["easycar_auto_sync_enabled"]) == [(False,)]

    def test_runs_that_never_ended_are_closed_so_that_the_lock_is_free(self, shipped: str) -> None:
        up(shipped)

        assert rows_of(shipped, "easycars_sync_logs", ["id", "status"]) == [
            (1, "Failed"),
            (2, "Failed"),
            (3, "Success"),
        ]

    def test_of_several_open_conflicts_of_a_lead_the_newest_stays_open(self, shipped: str) -> None:
        up(shipped)

        columns = ["id", "is_resolved", "resolution"]
        assert rows_of(shipped, "lead_status_conflicts", columns) == [
            (1, True, "superseded"),
            (2, False, None),
        ]
        down(shipped)
        assert [row[1] for row in rows_of(shipped, "lead_status_conflicts", columns)] == [
            False,
            False,
        ]


class TestTogetherAndInTrouble:
    def test_two_at_once_run_every_revision_once(self, empty: str) -> None:
        program = [sys.executable, "-c", MIGRATE_AND_COUNT, empty]

        both = [subprocess.Popen(program, stdout=subprocess.PIPE) for _ in range(2)]

        counts = [int(migration.communicate()[0]) for migration in both]
        assert sorted(counts) == [0, len(REVISIONS)]

    def test_by_hand_alembic_takes_the_address_from_the_environment(self, empty: str) -> None:
        def alembic(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*ALEMBIC, "upgrade", "head"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )

        assert "Set DATABASE_URL" in alembic({}).stderr
        assert alembic({"DATABASE_URL": empty}).returncode == 0
        assert tables_of(empty) >= TABLES_OF_THE_DESIGN

    def test_written_out_as_sql_they_run_in_any_client(self, empty: str) -> None:
        written = subprocess.run(
            [*ALEMBIC, "upgrade", "head", "--sql"], capture_output=True, text=True, check=True
        )

        do(empty, written.stdout)

        assert up(empty).applied == ()
        assert tables_of(empty) >= TABLES_OF_THE_DESIGN

    def test_a_refused_statement_changes_nothing_at_all(self, empty: str) -> None:
        do(empty, "CREATE TABLE audit_log (id integer)")
        shape = shape_of(empty)

        with pytest.raises(PermanentError, match="audit_log") as raised:
            up(empty)

        assert raised.value.code == "MIGRATION_FAILED"
        assert shape_of(empty) == shape

    def test_an_unknown_revision_is_named_so(self, empty: str) -> None:
        with pytest.raises(PermanentError) as raised:
            up(empty, "9999")

        assert raised.value.code == "UNKNOWN_REVISION"

    def test_a_database_that_is_away_is_retryable(self) -> None:
        with pytest.raises(RetryableError) as raised:
            up("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")

        assert raised.value.code == "DATABASE_AWAY"
