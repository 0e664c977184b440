import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.postgres import PostgresForTests

QUERIES = dict(
    re.findall(
        r"-- name: (\w+)\n(.+?;)\n",
        (Path(__file__).parents[1] / "support" / "sample_queries.sql").read_text(),
        re.DOTALL,
    )
)
SEED = """
INSERT INTO dealership (id, name)
SELECT n, 'Dealership ' || n FROM generate_series(1, 2000) AS n;

INSERT INTO dealership_easycars_credentials (dealership_id, account_number_encrypted,
    account_secret_encrypted, encryption_iv, data_key_encrypted, environment, is_active)
SELECT n, 'x', 'x', 'x', 'x', 'Production', n % 10 > 0 FROM generate_series(1, 2000) AS n;

-- A dealership's feed arrives as a block, so its vehicles lie together; of 50 VINs one is doubled.
INSERT INTO vehicle (dealership_id, make, model, year, price, mileage, condition, status, title,
    description, data_source, easycars_stock_number, easycars_vin, last_synced_from_easycars)
SELECT 1 + n / 50, 'Mazda', '3', 2000 + n % 25, n, n, 'used', 'active', 'Mazda 3 number ' || n,
    repeat('A car with a description. ', 8),
    CASE WHEN n % 3 = 0 THEN 'Manual' ELSE 'EasyCars' END,
    CASE WHEN n % 3 = 0 THEN NULL ELSE 'S' || n END,
    CASE WHEN n % 3 = 0 THEN NULL
         ELSE upper(left(md5((n / 50 * 50 + n * 263 % 49)::text), 17)) END,
    now() - n % 1000 * interval '1 minute'
FROM generate_series(0, 99999) AS n;

INSERT INTO lead (dealership_id, name, email, phone, message, data_source, received_at,
    last_synced_to_easycars)
SELECT 1 + n % 2000, 'Ana', 'ana@example.com', '0400000000', repeat('Is it there? ', 10), 'WebForm',
    now() - n * interval '5 minutes', now() - n * interval '5 minutes'
FROM generate_series(0, 99999) AS n;

INSERT INTO easycars_sync_logs (dealership_id, credential_id, sync_type, sync_direction, status,
    started_at, completed_at, records_processed)
SELECT 1 + n % 2000, 1 + n % 2000, CASE WHEN n % 4 = 0 THEN 'Lead' ELSE 'Stock' END,
    CASE WHEN n % 8 = 0 THEN 'Outbound' ELSE 'Inbound' END,
    CASE WHEN n % 20 = 0 THEN 'Failed' ELSE 'Success' END,
    now() - n * interval '80 seconds', now() - n * interval '80 seconds' + interval '9 seconds', n
FROM generate_series(0, 99999) AS n;
"""


@pytest.fixture(scope="module")
def seeded(postgres: PostgresForTests) -> Iterator[psycopg.Connection[Any]]:
    with (
        postgres.migrated_database() as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(SEED)
        connection.execute("ANALYZE")
        yield connection


def scans_of(plan: dict[str, Any]) -> set[tuple[str, str]]:
    """Collect (kind of scan, index or table) over a whole plan."""
    found = {(plan["Node Type"], plan.get("Index Name", plan.get("Relation Name", "")))}
    return found.union(*(scans_of(part) for part in plan.get("Plans", [])))


def test_there_are_eight() -> None:
    assert len(QUERIES) == 8


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("active_credentials_of_a_dealership", "idx_easycars_credentials_"),
        ("failed_syncs_of_the_last_24_hours", "idx_easycars_sync_logs_"),
        ("vehicle_by_stock_number", "stock"),
        ("easycars_vehicles_of_a_dealership", "vehicle_dealership"),
        ("performance_of_the_last_7_days", "idx_easycars_sync_logs_started_at"),
        ("leads_pushed_in_the_last_hour", "idx_lead_last_synced_to_easycars"),
        ("duplicate_vins", "_vin"),
        ("sync_logs_with_credential_and_dealership", "idx_easycars_sync_logs_started_at"),
    ],
)
def test_answers_by_an_index(seeded: psycopg.Connection[Any], name: str, index: str) -> None:
    query = QUERIES[name].encode()

    assert seeded.execute(query).fetchall()
    explained = seeded.execute(b"EXPLAIN (FORMAT JSON) " + query).fetchone()

    assert explained is not None
    scans = scans_of(explained[0][0]["Plan"])
    assert any(index in used for kind, used in scans if "Index" in kind), json.dumps(explained[0])
    big = {"vehicle", "lead", "easycars_sync_logs"}
    assert not any(kind == "Seq Scan" and table in big for kind, table in scans)
