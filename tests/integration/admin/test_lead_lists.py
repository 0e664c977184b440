"""Leads, found by status and spam; the same Idempotency-Key with another body is marked."""

from typing import Any
from uuid import UUID

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient
from tests.support.lead_desk import store_lead


def test_leads_are_found_by_status_and_spam(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    plain, won, done, spam = (store_lead(database, dealership) for _ in range(4))
    for lead_id, change in (
        (won, "status = 'won'"),
        (done, "status = 'done'"),
        (spam, "spam = true"),
    ):
        database.connection().execute(
            f"UPDATE lead SET {change} WHERE external_id = %s",  # noqa: S608
            (lead_id,),
        )

    def found(**query: Any) -> set[str]:
        listed = admin("GET", "/api/admin/leads", **query).body
        assert listed["pagination"]["totalRecords"] == len(listed["leads"])
        return {lead["leadId"] for lead in listed["leads"]}

    assert found(spam="true") == {str(spam)}
    assert found(spam="false") == {str(plain), str(won), str(done)}
    assert found(status="won") == {str(won), str(done)}
    assert found(status="Received", spam="false") == {str(plain)}
    assert admin("GET", "/api/admin/leads", status="done").bad_fields == {"status"}
    assert admin("GET", "/api/admin/leads", spam="1").bad_fields == {"spam"}


def test_the_same_key_with_another_body_is_marked(
    admin: AdminClient, dealership: int, database: Database
) -> None:
    other = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    first, second, alone = (store_lead(database, dealership) for _ in range(3))
    foreign = store_lead(database, other)
    for lead_id, key in ((first, "k"), (second, "k"), (alone, "l"), (foreign, "k")):
        database.connection().execute(
            "UPDATE lead SET idempotency_key = %s WHERE external_id = %s", (key, lead_id)
        )

    def shown(lead_id: UUID) -> Any:
        return admin("GET", f"/api/admin/leads/{lead_id}").body["sameIdempotencyKey"]

    assert (shown(first), shown(second)) == ([str(second)], [str(first)])
    assert (shown(alone), shown(foreign)) == ([], [])
    marked = {
        lead["leadId"]
        for lead in admin("GET", "/api/admin/leads").body["leads"]
        if lead["sharesIdempotencyKey"]
    }
    assert marked == {str(first), str(second)}
