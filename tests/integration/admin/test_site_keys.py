"""Site keys and web origins: what people change, and what intake is told of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import psycopg
import pytest
from pydantic import SecretStr

from forecourt.admin.audit import Actor
from forecourt.leads.refusals import RefusedRequests
from forecourt.security.site_keys import SiteKeyRing
from forecourt.storage.postgres import Database
from forecourt.storage.refusals import store_refused_requests
from forecourt.storage.site_keys import PostgresSiteKeys
from tests.support.admin_api import ADMIN, AdminClient, Answered, owner, staff
from tests.support.aws_account import BUCKET, REGION, SITE_KEY_SECRET, AwsAccount
from tests.support.handlers import new_sandbox

NEW_SECRET = "the-second-site-key-secret-01234"


def keys(dealership: int, key_id: str = "") -> str:
    return f"/api/admin/dealerships/{dealership}/site-keys" + (f"/{key_id}" if key_id else "")


def origins(dealership: int) -> str:
    return f"/api/admin/dealerships/{dealership}/origins"


def listed(admin: AdminClient, dealership: int) -> dict[str, dict[str, Any]]:
    return {key["keyId"]: key for key in admin("GET", keys(dealership)).body["siteKeys"]}


def told(account: AwsAccount, dealership: int) -> dict[str, Any]:
    """Intake's view: rate by key id."""
    return {key["keyId"]: key for key in account.site(dealership)["keys"]}


@contextmanager
def another_sandbox() -> Iterator[AdminClient]:
    sandbox = new_sandbox("admin_api")
    yield AdminClient(sandbox.handler)
    for connection in sandbox.connections():
        connection.close()


def store_secret(account: AwsAccount, secret: dict[str, str]) -> None:
    boto3.client("secretsmanager").put_secret_value(
        SecretId=account.environment["SITE_KEY_SECRET_ARN"], SecretString=json.dumps(secret)
    )


def bucket_away() -> None:
    s3 = boto3.client("s3")
    for found in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=found["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def bucket_back() -> None:
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
    )


def test_a_new_key_is_shown_once_and_intake_knows_it(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    made = admin("POST", keys(dealership), {"label": "  main site "})

    assert made.status == 201
    key_id = made.body["keyId"]
    found = SiteKeyRing({1: SecretStr(SITE_KEY_SECRET)}).verify(made.body["siteKey"])
    assert found is not None
    assert (found.dealership_id, found.key_id) == (dealership, key_id)
    shown = listed(admin, dealership)[key_id]
    assert shown["label"] == "main site"
    assert shown["isActive"] is True
    assert "siteKey" not in shown
    assert told(account, dealership)[key_id] == {
        "keyId": key_id,
        "ratePerSecond": 20,
        "burst": 200,
    }


def test_a_revoked_key_leaves_the_site_file_and_the_others_stay(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    (first,) = listed(admin, dealership)
    second = admin("POST", keys(dealership), {}).body["keyId"]

    assert admin("DELETE", keys(dealership, first)).status == 204
    revoked_at = listed(admin, dealership)[first]["revokedAt"]
    assert admin("DELETE", keys(dealership, first)).status == 204

    assert told(account, dealership).keys() == {second}
    after = listed(admin, dealership)[first]
    assert (after["isActive"], after["revokedAt"]) == (False, revoked_at)
    assert admin("DELETE", keys(dealership, "nobody")).status == 404


def test_a_revocation_intake_was_not_told_of_is_an_error_and_is_mended_by_a_repeat(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    (key_id,) = listed(admin, dealership)
    bucket_away()

    refused = admin("DELETE", keys(dealership, key_id))

    assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
    assert "send the same request again" in refused.body["detail"]
    bucket_back()
    assert admin("DELETE", keys(dealership, key_id)).status == 204
    assert told(account, dealership) == {}


def test_a_key_intake_was_not_told_of_is_not_shown_and_the_next_change_tells_of_all(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    bucket_away()

    refused = admin("POST", keys(dealership), {})

    assert refused.status == 503
    assert "siteKey" not in refused.body
    (unseen,) = [key for key in listed(admin, dealership) if key in refused.body["detail"]]
    bucket_back()
    admin("DELETE", keys(dealership, unseen))
    second = admin("POST", keys(dealership), {}).body["keyId"]
    assert told(account, dealership).keys() == listed(admin, dealership).keys() - {unseen}
    assert second in told(account, dealership)


def test_only_what_the_change_names_changes(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    (key_id,) = listed(admin, dealership)

    changed = admin("PATCH", keys(dealership, key_id), {"ratePerSecond": 3})
    admin("PATCH", keys(dealership, key_id), {"label": "old site", "burst": 9})

    assert (changed.body["ratePerSecond"], changed.body["burst"]) == (3, 200)
    assert listed(admin, dealership)[key_id]["label"] == "old site"
    assert told(account, dealership)[key_id] == {"keyId": key_id, "ratePerSecond": 3, "burst": 9}
    assert admin("PATCH", keys(dealership, "nobody"), {"burst": 9}).status == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"ratePerSecond": 0}, "ratePerSecond"),
        ({"ratePerSecond": 1001}, "ratePerSecond"),
        ({"burst": 0}, "burst"),
        ({"burst": 10_001}, "burst"),
        ({"label": "x" * 101}, "label"),
        ({"label": " "}, "label"),
        ({"keyId": "x"}, "keyId"),
    ],
)
def test_a_bad_change_names_the_field(
    admin: AdminClient, dealership: int, body: dict[str, Any], field: str
) -> None:
    (key_id,) = listed(admin, dealership)

    refused = admin("PATCH", keys(dealership, key_id), body)

    assert (refused.status, refused.bad_fields) == (422, {field})


def test_a_dealership_has_at_most_fifty_active_keys(
    admin: AdminClient, account: AwsAccount, dealership: int, database: Database
) -> None:
    store = PostgresSiteKeys(database)
    actor = Actor(name="admin-1", kind="Admin")
    for number in range(49):
        store.add(dealership, key_id=f"k{number}", label=None, secret_version=1, actor=actor)

    refused = admin("POST", keys(dealership), {})

    assert refused.status == 409
    assert len(listed(admin, dealership)) == 50
    admin("DELETE", keys(dealership, "k3"))
    assert admin("POST", keys(dealership), {}).status == 201
    assert len(told(account, dealership)) == 50


def test_the_newest_secret_signs_and_keys_of_a_removed_one_are_shown_as_dead(
    account: AwsAccount, dealership: int
) -> None:
    store_secret(account, {"1": SITE_KEY_SECRET, "2": NEW_SECRET})
    with another_sandbox() as both:
        made = both("POST", keys(dealership), {}).body
        assert {key["isActive"] for key in listed(both, dealership).values()} == {True}
    assert made["secretVersion"] == 2
    assert SiteKeyRing({2: SecretStr(NEW_SECRET)}).verify(made["siteKey"])

    store_secret(account, {"2": NEW_SECRET})
    with another_sandbox() as newest:
        active = {
            key["secretVersion"]: key["isActive"] for key in listed(newest, dealership).values()
        }
    assert active == {1: False, 2: True}


def test_origins_are_replaced_and_intake_is_told(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    assert admin("GET", origins(dealership)).body == {"dealershipId": dealership, "origins": []}

    wanted = ["HTTPS://Www.Dealer.example:443/", "https://a.example", "https://www.dealer.example"]
    changed = admin("PUT", origins(dealership), {"origins": wanted})

    assert changed.status == 200
    assert changed.body["origins"] == ["https://www.dealer.example", "https://a.example"]
    assert account.site(dealership)["origins"] == changed.body["origins"]
    admin("PUT", origins(dealership), {"origins": ["https://b.example"]})
    assert admin("GET", origins(dealership)).body["origins"] == ["https://b.example"]
    assert account.site(dealership)["origins"] == ["https://b.example"]
    admin("PUT", origins(dealership), {"origins": []})
    assert account.site(dealership)["origins"] == []


@pytest.mark.parametrize(
    "body", [{}, {"origins": ["https://a.example/path"]}, {"origins": ["*"]}, {"origins": "x"},
             {"origins": [1]}, {"origins": ["https://a.example"] * 51}],
)  # fmt: skip
def test_bad_origins_are_refused_and_change_nothing(
    admin: AdminClient, dealership: int, body: Any
) -> None:
    admin("PUT", origins(dealership), {"origins": ["https://a.example"]})

    refused = admin("PUT", origins(dealership), body)

    assert refused.status == 422
    assert {field.split(".")[0] for field in refused.bad_fields} == {"origins"}
    assert admin("GET", origins(dealership)).body["origins"] == ["https://a.example"]


@pytest.mark.parametrize(
    ("method", "body"), [("PUT", {}), ("POST", {"name": "Cars"})], ids=["set", "added"]
)
def test_of_several_origins_the_bad_one_is_named(
    admin: AdminClient, dealership: int, method: str, body: dict[str, Any]
) -> None:
    path = origins(dealership) if method == "PUT" else "/api/admin/dealerships"
    wanted = ["https://a.example", "dealer.example", "https://b.example"]

    refused = admin(method, path, {**body, "origins": wanted})

    assert (refused.status, refused.bad_fields) == (422, {"origins.1"})
    assert "https://www.dealer.example" in str(refused.body["errors"])


def test_origins_intake_was_not_told_of_are_an_error_and_a_repeat_mends_it(
    admin: AdminClient, account: AwsAccount, dealership: int
) -> None:
    wanted = {"origins": ["https://a.example"]}
    bucket_away()
    assert admin("PUT", origins(dealership), wanted).status == 503
    bucket_back()

    assert admin("PUT", origins(dealership), wanted).status == 200
    assert account.site(dealership)["origins"] == ["https://a.example"]


def requests(dealership: int, key_id: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", keys(dealership), None),
        ("POST", keys(dealership), {}),
        ("PATCH", keys(dealership, key_id), {"label": "x"}),
        ("DELETE", keys(dealership, key_id), None),
        ("GET", origins(dealership), None),
        ("PUT", origins(dealership), {"origins": []}),
    ]


def test_another_dealership_and_no_dealership_look_the_same(
    admin: AdminClient, dealership: int
) -> None:
    (key_id,) = listed(admin, dealership)

    for method, path, body in requests(dealership, key_id):
        claims = owner(dealership + 1)
        assert admin(method, path, body, claims=claims).status in {403, 404}
    for unknown in (dealership + 99, 2**40, "x", 0):
        for method, path, body in requests(dealership, key_id):
            moved = path.replace(f"/{dealership}/", f"/{unknown}/")
            assert admin(method, moved, body).status == 404
    assert listed(admin, dealership)[key_id]["isActive"] is True


def statuses(admin: AdminClient, dealership: int, claims: dict[str, str]) -> list[int]:
    (key_id, *_) = listed(admin, dealership)
    asked: list[Answered] = [
        admin(method, path, body, claims=claims)
        for method, path, body in requests(dealership, key_id)
    ]
    return [answer.status for answer in asked]


@pytest.mark.parametrize("key_id", ["nosuchkey", "\0", "a\0b", "\ud800", "x" * 3000, "' OR 1=1 --"])
def test_a_key_that_cannot_be_is_a_key_that_is_not_there(
    admin: AdminClient, dealership: int, key_id: str
) -> None:
    assert admin("PATCH", keys(dealership, key_id), {"label": "x"}).status == 404
    assert admin("DELETE", keys(dealership, key_id)).status == 404


def test_staff_read_owners_make_and_revoke_and_administrators_set_rates(
    admin: AdminClient, dealership: int
) -> None:
    assert statuses(admin, dealership, staff(dealership)) == [200, 403, 403, 403, 200, 403]
    assert statuses(admin, dealership, owner(dealership)) == [200, 201, 403, 204, 200, 200]
    assert statuses(admin, dealership, ADMIN) == [200, 201, 200, 204, 200, 200]


def test_every_change_is_audited_without_the_key(
    admin: AdminClient, account: AwsAccount, dealership: int, database_url: str
) -> None:
    made = admin("POST", keys(dealership), {"label": "second"}).body
    admin("PATCH", keys(dealership, made["keyId"]), {"burst": 5})
    admin("DELETE", keys(dealership, made["keyId"]))
    admin("DELETE", keys(dealership, made["keyId"]))
    admin("PUT", origins(dealership), {"origins": ["https://a.example"]})

    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT action, detail::text FROM audit_log WHERE dealership_id = %s ORDER BY id",
            [dealership],
        ).fetchall()

    assert [action for action, _ in rows] == [
        "dealership.created",
        "site_key.created",
        "site_key.created",
        "site_key.changed",
        "site_key.revoked",
        "dealership.origins_changed",
    ]
    assert made["siteKey"] not in str(rows)
    assert "https://a.example" in rows[-1][1]


def refused(dealership: int, key_id: str, **counts: int) -> list[RefusedRequests]:
    """`email=2` is a bad field, `broken_json=1` a reason."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    reasons = {"broken_json": "broken-json", "total": "invalid-fields"}
    return [
        RefusedRequests(
            dealership_id=dealership,
            key_id=key_id,
            reason=reasons.get(name, "invalid-fields"),
            field="" if name in reasons else name,
            hour=hour,
            requests=requests,
        )
        for name, requests in counts.items()
    ]


def test_the_list_tells_what_a_website_is_refused_for(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    (key_id,) = listed(admin, dealership)
    quiet = admin("POST", keys(dealership), {}).body["keyId"]
    sums = refused(dealership, key_id, total=4, email=4, phone=1, broken_json=2)
    store_refused_requests(database, sums)

    shown = listed(admin, dealership)

    assert shown[quiet]["refusedLast24Hours"] == {"requests": 0, "lastAt": None, "most": []}
    assert shown[quiet]["onlyFails"] is False
    told = shown[key_id]["refusedLast24Hours"]
    assert told["requests"] == 6
    assert told["most"] == [
        {"reason": "invalid-fields", "field": "email", "requests": 4},
        {"reason": "broken-json", "field": None, "requests": 2},
        {"reason": "invalid-fields", "field": "phone", "requests": 1},
    ]
    assert told["lastAt"]
    assert shown[key_id]["onlyFails"] is True
    assert shown[key_id]["lastLeadAt"] is None


def test_the_list_tells_of_the_last_lead_that_was_no_spam(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    (key_id,) = listed(admin, dealership)
    for received_at, spam in (("2 hours", False), ("1 hour", True), ("3 hours", False)):
        database.connection().execute(
            """INSERT INTO lead (external_id, dealership_id, name, email, phone, message,
                   site_key_id, spam, received_at)
               VALUES (gen_random_uuid(), %s, 'A', 'a@b.co', '', '', %s, %s,
                   now() - %s::interval)""",
            [dealership, key_id, spam, received_at],
        )

    last = datetime.fromisoformat(listed(admin, dealership)[key_id]["lastLeadAt"])

    assert timedelta(minutes=119) < datetime.now(UTC) - last < timedelta(minutes=121)
