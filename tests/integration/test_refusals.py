"""Refused requests in PostgreSQL, and which websites only fail."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from forecourt.errors import RetryableError
from forecourt.leads.refusals import RefusedRequests
from forecourt.storage import refusals
from forecourt.storage.ledger import PostgresLedger
from forecourt.storage.postgres import Database
from forecourt.storage.refusals import (
    count_failing_sites,
    failing_keys,
    recent_refusals,
    store_refused_requests,
)
from tests.support.clock import let_pass
from tests.support.lead_delivery import Scene, lead_body, queued

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def dealership(database: Database) -> int:
    (found,) = database.connection().execute(
        "INSERT INTO dealership (name) VALUES ('O''Brien Motors') RETURNING id"
    ).fetchone() or (0,)
    database.connection().execute(
        "INSERT INTO site_key (dealership_id, key_id) VALUES (%s, 'k1'), (%s, 'k2')", [found, found]
    )
    return int(found)


def refused(
    dealership: int,
    requests: int = 1,
    *,
    key: str = "k1",
    reason: str = "invalid-fields",
    field: str = "",
    hours_ago: int = 0,
) -> RefusedRequests:
    return RefusedRequests(
        dealership_id=dealership,
        key_id=key,
        reason=reason,
        field=field,
        hour=NOW - timedelta(hours=hours_ago),
        requests=requests,
    )


def accept_lead(
    database: Database, dealership: int, at: datetime, *, spam: bool = False, key: str = "k1"
) -> None:
    database.connection().execute(
        """INSERT INTO lead (external_id, dealership_id, name, email, phone, message, received_at,
               site_key_id, spam)
           VALUES (%s, %s, 'A', 'a@example.org', '', '', %s, %s, %s)""",
        [uuid4(), dealership, at, key, spam],
    )


def rows(database: Database, dealership: int) -> dict[tuple[str, str, str], int]:
    return {
        (row["key_id"], row["reason"], row["field"]): row["requests"]
        for row in recent_refusals(database, dealership)
    }


def test_sums_are_added_up_by_key_reason_field_and_hour(
    database: Database, dealership: int
) -> None:
    store_refused_requests(database, [refused(dealership, 2), refused(dealership, 3)])
    store_refused_requests(
        database,
        [
            refused(dealership, 4),
            refused(dealership, 1, field="email"),
            refused(dealership, 1, key="k2", reason="broken-json"),
            refused(dealership, 1, hours_ago=1),
        ],
    )

    assert rows(database, dealership) == {
        ("k1", "invalid-fields", ""): 10,
        ("k1", "invalid-fields", "email"): 1,
        ("k2", "broken-json", ""): 1,
    }


def test_a_dealership_that_is_gone_is_left_out(database: Database, dealership: int) -> None:
    store_refused_requests(database, [refused(dealership + 99), refused(dealership)])

    assert rows(database, dealership) == {("k1", "invalid-fields", ""): 1}


def test_rows_of_made_up_fields_are_bounded_and_the_sums_go_on(
    database: Database, dealership: int
) -> None:
    for batch in range(30):
        names = [refused(dealership, field=f"f{batch}_{number}") for number in range(20)]
        store_refused_requests(database, [refused(dealership, 20), *names])

    found = rows(database, dealership)
    assert found["k1", "invalid-fields", ""] == 600
    assert len(found) <= 220
    store_refused_requests(database, [refused(dealership, field="f0_0")])
    assert rows(database, dealership)["k1", "invalid-fields", "f0_0"] in {1, 2}


def test_old_rows_are_forgotten(database: Database, dealership: int) -> None:
    store_refused_requests(database, [refused(dealership, hours_ago=31 * 24), refused(dealership)])
    store_refused_requests(database, [refused(dealership)])

    count = database.connection().execute("SELECT count(*) FROM site_refusal").fetchone()
    assert count == (1,)


def test_five_refusals_and_no_lead_are_a_site_that_only_fails(
    database: Database, dealership: int
) -> None:
    store_refused_requests(database, [refused(dealership, 4), refused(dealership, 99, field="x")])
    assert count_failing_sites(database) == 0

    store_refused_requests(database, [refused(dealership, 1, reason="origin-not-allowed")])

    assert count_failing_sites(database) == 1
    assert failing_keys(database, dealership) == {"k1"}
    assert failing_keys(database, dealership + 1) == set()


def test_a_site_that_posts_too_fast_works(database: Database, dealership: int) -> None:
    store_refused_requests(database, [refused(dealership, 99, reason="too-many-leads")])

    assert count_failing_sites(database) == 0


def test_a_lead_that_was_accepted_shows_the_form_works(database: Database, dealership: int) -> None:
    store_refused_requests(database, [refused(dealership, 50, hours_ago=2)])
    accept_lead(database, dealership, NOW - timedelta(hours=3))
    assert count_failing_sites(database) == 1

    accept_lead(database, dealership, NOW - timedelta(minutes=90), key="k2")
    accept_lead(database, dealership, NOW - timedelta(minutes=90), spam=True)
    assert count_failing_sites(database) == 1

    accept_lead(database, dealership, NOW - timedelta(minutes=90))
    assert count_failing_sites(database) == 0


def test_a_form_that_breaks_after_a_lead_is_noticed_in_the_hours_after(
    database: Database, dealership: int
) -> None:
    accept_lead(database, dealership, NOW - timedelta(minutes=115))
    store_refused_requests(database, [refused(dealership, 5, hours_ago=2)])
    assert count_failing_sites(database) == 0

    store_refused_requests(database, [refused(dealership, 5, hours_ago=1)])

    assert count_failing_sites(database) == 1


def test_a_revoked_key_and_yesterday_are_past(database: Database, dealership: int) -> None:
    store_refused_requests(database, [refused(dealership, 9), refused(dealership, 9, key="k2")])
    assert count_failing_sites(database) == 2
    database.connection().execute("UPDATE site_key SET revoked_at = now() WHERE key_id = 'k2'")
    assert failing_keys(database, dealership) == {"k1"}

    let_pass(database, 25 * 3600)

    assert count_failing_sites(database) == 0
    assert rows(database, dealership) == {}


def test_looking_for_failing_sites_reads_no_whole_table(
    database: Database, dealership: int
) -> None:
    connection = database.connection()
    connection.execute(
        """INSERT INTO site_refusal (dealership_id, key_id, reason, field, hour, requests, last_at)
           SELECT %s, 'k' || n %% 50, 'invalid-fields', 'f' || n %% 7,
                  now() - n * interval '10 minutes', 1, now() - n * interval '10 minutes'
           FROM generate_series(1, 20000) n ON CONFLICT DO NOTHING""",
        [dealership],
    )
    connection.execute("ANALYZE site_refusal")
    plan = connection.execute(
        f"EXPLAIN {refusals._FAILING}".encode(),
        {"reasons": ["invalid-fields"], "dealership_id": None},
    ).fetchall()

    assert "Seq Scan on site_refusal" not in str(plan)
    assert "site_refusal" in str(plan)


def message(*sums: RefusedRequests) -> str:
    return json.dumps({"schema": 1, "refusals": [one.to_wire() for one in sums]})


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    scene = Scene(database_url)
    yield scene
    scene.close()


def test_delivery_stores_what_intake_counted_and_delivers_the_leads_beside_it(
    scene: Scene, database: Database
) -> None:
    connected = scene.add_dealership()
    sums = message(refused(connected, 3), refused(connected, 2, field="email"))

    failures = scene.deliver(sums, lead_body(connected), message(refused(connected + 99)))

    assert failures == []
    assert len(scene.sink.sent) == 1
    assert rows(database, connected) == {
        ("k1", "invalid-fields", ""): 3,
        ("k1", "invalid-fields", "email"): 2,
    }


def test_with_the_database_away_the_counts_come_back(scene: Scene, database: Database) -> None:
    connected = scene.add_dealership()

    class Away(PostgresLedger):
        def note_refused_requests(self, refused: Sequence[RefusedRequests]) -> None:
            raise RetryableError(code="DATABASE_AWAY", detail="Away.", target="PostgreSQL")

    delivery = scene.new_delivery(ledger=Away(database))
    failures = delivery.deliver_batch(
        [queued(message(refused(connected)), "m1")], worker="request-1"
    )

    assert failures == ["m1"]
    assert rows(database, connected) == {}
