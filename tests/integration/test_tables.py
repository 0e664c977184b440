"""Rules the tables keep by themselves, whoever writes to them."""

from uuid import uuid4

import psycopg
import pytest

from forecourt.storage.postgres import Connection, Database


@pytest.fixture
def connection(database: Database) -> Connection:
    opened = database.connection()
    opened.execute("INSERT INTO dealership (id, name) VALUES (1, 'North'), (2, 'South')")
    return opened


def add_lead(connection: Connection) -> int:
    row = connection.execute(
        "INSERT INTO lead (dealership_id, name, email, phone, message, data_source)"
        " VALUES (1, 'Ana', 'ana@example.com', '', '', 'WebForm') RETURNING id"
    ).fetchone()
    assert row is not None
    return int(row[0])


class TestSyncLogLock:
    INSERT = (
        "INSERT INTO easycars_sync_logs (dealership_id, sync_type, sync_direction, status)"
        " VALUES (%s, %s, %s, %s)"
    )

    def test_a_second_inbound_run_of_a_dealership_is_refused(self, connection: Connection) -> None:
        connection.execute(self.INSERT, [1, "Stock", "Inbound", "InProgress"])

        with pytest.raises(psycopg.errors.UniqueViolation, match="in_progress"):
            connection.execute(self.INSERT, [1, "Stock", "Inbound", "InProgress"])

    @pytest.mark.parametrize(
        "other",
        [
            (2, "Stock", "Inbound", "InProgress"),
            (1, "Lead", "Inbound", "InProgress"),
            (1, "Stock", "Outbound", "InProgress"),
            (1, "Stock", "Inbound", "Failed"),
        ],
    )
    def test_others_are_not_held_up(
        self, connection: Connection, other: tuple[int, str, str, str]
    ) -> None:
        connection.execute(self.INSERT, [1, "Stock", "Inbound", "InProgress"])

        assert connection.execute(self.INSERT, other).rowcount == 1

    def test_a_closed_run_frees_the_lock(self, connection: Connection) -> None:
        connection.execute(self.INSERT, [1, "Stock", "Inbound", "InProgress"])
        connection.execute("UPDATE easycars_sync_logs SET status = 'Success'")

        again = connection.execute(self.INSERT, [1, "Stock", "Inbound", "InProgress"])

        assert again.rowcount == 1

    def test_a_job_has_one_row_per_dealership(self, connection: Connection) -> None:
        insert = (
            "INSERT INTO easycars_sync_logs"
            " (dealership_id, sync_type, sync_direction, status, job_id)"
            " VALUES (%s, 'Stock', 'Inbound', 'Failed', %s)"
        )
        job = uuid4()
        connection.execute(insert, [1, job])
        connection.execute(insert, [2, job])
        connection.execute(insert, [1, None])
        connection.execute(insert, [1, None])

        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert, [1, job])

    @pytest.mark.parametrize(
        "row",
        [
            (1, "stock", "Inbound", "Success"),
            (1, "Stock", "Sideways", "Success"),
            (1, "Stock", "Inbound", "PartialSuccess"),
        ],
    )
    def test_only_known_words_are_taken(
        self, connection: Connection, row: tuple[int, str, str, str]
    ) -> None:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(self.INSERT, row)

    def test_a_row_outlives_its_credentials(self, connection: Connection) -> None:
        connection.execute(
            "INSERT INTO dealership_easycars_credentials (id, dealership_id,"
            " account_number_encrypted, account_secret_encrypted, encryption_iv,"
            " data_key_encrypted, environment) VALUES (7, 1, '', '', '', '', 'Test')"
        )
        connection.execute(self.INSERT, [1, "Lead", "Outbound", "Success"])
        connection.execute("UPDATE easycars_sync_logs SET credential_id = 7")

        connection.execute("DELETE FROM dealership_easycars_credentials")

        assert connection.execute("SELECT credential_id FROM easycars_sync_logs").fetchall() == [
            (None,)
        ]

    def test_has_the_eleven_indexes(self, connection: Connection) -> None:
        found = connection.execute(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'easycars_sync_logs'"
            " AND indexname LIKE 'idx\\_easycars\\_sync\\_logs\\_%'"
        ).fetchone()
        assert found == (11,)


class TestAuditLog:
    @pytest.mark.parametrize(
        "change",
        ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"],
    )
    def test_takes_rows_and_never_changes_them(self, connection: Connection, change: str) -> None:
        connection.execute(
            "INSERT INTO audit_log (actor, actor_type, dealership_id, action, subject_type)"
            " VALUES ('7', 'Admin', 1, 'credentials.delete', 'credentials')"
        )

        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="INSERT only"):
            connection.execute(change.encode())

        connection.execute("DELETE FROM dealership")
        assert connection.execute("SELECT actor FROM audit_log").fetchall() == [("7",)]


class TestStockNumber:
    UPSERT = (
        "INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, title,"
        " easycars_stock_number) VALUES (%s, 'Mazda', '3', 2020, %s, 0, 'used', '', %s)"
        " ON CONFLICT (dealership_id, easycars_stock_number) DO UPDATE SET price = EXCLUDED.price"
    )

    def test_names_one_vehicle_of_a_dealership(self, connection: Connection) -> None:
        for dealership, price in ((1, 10), (1, 20), (2, 30)):
            connection.execute(self.UPSERT, [dealership, price, "S1"])

        rows = connection.execute("SELECT dealership_id, price FROM vehicle ORDER BY 1").fetchall()
        assert rows == [(1, 20), (2, 30)]

    def test_vehicles_entered_by_hand_have_none(self, connection: Connection) -> None:
        for _ in range(2):
            connection.execute(self.UPSERT, [1, 10, None])

        assert connection.execute("SELECT count(*) FROM vehicle").fetchone() == (2,)


class TestLeadDelivery:
    INSERT = "INSERT INTO lead_delivery (lead_id, dealership_id, target) VALUES (%s, 1, %s)"

    def test_is_one_per_lead_and_target(self, connection: Connection) -> None:
        lead = add_lead(connection)
        connection.execute(self.INSERT, [lead, "EasyCars"])
        connection.execute(self.INSERT, [lead, "Dynamics"])

        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(self.INSERT, [lead, "EasyCars"])

    def test_is_not_in_progress_without_a_lease(self, connection: Connection) -> None:
        connection.execute(self.INSERT, [add_lead(connection), "EasyCars"])

        with pytest.raises(psycopg.errors.CheckViolation, match="lease"):
            connection.execute("UPDATE lead_delivery SET state = 'in_progress'")

    def test_view_tells_where_a_lead_stands_with_dynamics(self, connection: Connection) -> None:
        query = (
            "SELECT d365_sync_status, d365_lead_id, d365_sync_attempt_count, d365_sync_error"
            " FROM lead_d365_sync"
        )
        lead = add_lead(connection)
        assert connection.execute(query).fetchall() == [("not_synced", None, 0, None)]

        connection.execute(self.INSERT, [lead, "Dynamics"])
        for state, shown in (("pending", "pending"), ("delivered", "synced"), ("failed", "error")):
            connection.execute(
                "UPDATE lead_delivery SET state = %s, remote_id = 'r', attempts = 3,"
                " last_error = 'no'",
                [state],
            )
            assert connection.execute(query).fetchall() == [(shown, "r", 3, "no")]


class TestCredentials:
    INSERT = (
        "INSERT INTO dealership_easycars_credentials (dealership_id, account_number_encrypted,"
        " account_secret_encrypted, encryption_iv, data_key_encrypted, environment)"
        " VALUES (1, 'a', 'a', 'a', %s, %s)"
    )

    def test_a_dealership_has_one_set(self, connection: Connection) -> None:
        connection.execute(self.INSERT, ["key", "Test"])

        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(self.INSERT, ["key", "Production"])

    @pytest.mark.parametrize("row", [(None, "Test"), ("key", "test")])
    def test_without_data_key_or_with_an_unknown_environment_are_refused(
        self, connection: Connection, row: tuple[str | None, str]
    ) -> None:
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(self.INSERT, row)


def test_settings_are_seeded(connection: Connection) -> None:
    rows = connection.execute("SELECT key, value FROM system_settings").fetchall()

    assert dict(rows) == {
        "dynamics_push_enabled": "true",
        "easycar_sync_enabled": "true",
        "easycar_sync_cron": "0 2 * * *",
        "easycar_sync_timezone": "UTC",
        "easycar_lead_sync_cron": "0 * * * *",
        "easycar_sync_concurrency": "1",
        "easycar_image_sync_enabled": "true",
        "easycar_lead_status_conflict_strategy": "RemoteWins",
    }


def test_a_dealership_takes_all_its_rows_with_it(connection: Connection) -> None:
    lead = add_lead(connection)
    connection.execute(TestLeadDelivery.INSERT, [lead, "EasyCars"])
    connection.execute(TestSyncLogLock.INSERT, [1, "Stock", "Inbound", "InProgress"])
    connection.execute("INSERT INTO site_key (dealership_id, key_id) VALUES (1, 'a')")
    connection.execute(
        "INSERT INTO dealership_origin (dealership_id, origin) VALUES (1, 'https://a.example')"
    )

    connection.execute("DELETE FROM dealership WHERE id = 1")

    for table in ("lead", "lead_delivery", "easycars_sync_logs", "site_key", "dealership_origin"):
        assert connection.execute(f"SELECT FROM {table}".encode()).fetchall() == []
