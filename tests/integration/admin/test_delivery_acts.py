"""What people decide about deliveries: it is number N, send it again, try it again."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from forecourt.storage.postgres import Database
from tests.support.admin_api import AdminClient, owner, staff
from tests.support.aws_account import AwsAccount
from tests.support.lead_desk import CREDENTIALS, LeadDesk

ACTS = ("retry", "resolve", "resend")


def lose_answer(desk: LeadDesk, **lead: Any) -> tuple[str, str]:
    """Let a create succeed and its answer be lost; the lead's id and its number there."""
    desk.simulator.add_fault("cut_after", operation="CreateLead")
    lead_id = desk.arrive(**lead)
    [there] = desk.at_vendor(lead_id)
    assert desk.scene.delivery_row(lead_id)["state"] == "unconfirmed"
    _ = desk.sent
    return lead_id, str(there["leadNumber"])


def lose_request(desk: LeadDesk) -> str:
    """Let a create be cut before the vendor acts; the lead's id."""
    desk.simulator.add_fault("cut_before", operation="CreateLead")
    lead_id = desk.arrive()
    assert desk.at_vendor(lead_id) == []
    assert desk.scene.delivery_row(lead_id)["state"] == "unconfirmed"
    _ = desk.sent
    return lead_id


def move_away(desk: LeadDesk) -> str:
    """Deliver a lead, change the account, and let an edit find that out; the lead's id."""
    lead_id = desk.arrive()
    desk.connect(desk.simulator.accounts()[1])
    desk.patch(lead_id, {"rating": "Hot"})
    desk.deliver(lead_id)
    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["last_error_code"]) == ("failed", "SCOPE_CHANGED")
    _ = desk.sent
    return lead_id


def problem(answer: Any) -> tuple[int, str]:
    return answer.status, answer.body["type"].removeprefix("urn:forecourt:problem:")


def audited(database: Database, action: str) -> list[Any]:
    rows = database.connection().execute(
        "SELECT detail FROM audit_log WHERE action = %s", (action,)
    )
    return [detail for (detail,) in rows.fetchall()]


def test_a_person_names_the_number_and_edits_still_flow(desk: LeadDesk, database: Database) -> None:
    lead_id, number = lose_answer(desk)

    resolved = desk.act(lead_id, "resolve", {"number": f" {number} "})

    assert resolved.status == 200
    assert (resolved.body["state"], resolved.body["remoteId"]) == ("delivered", number)
    assert desk.scene.delivery_row(lead_id)["easycars_lead_number"] == number
    assert audited(database, "delivery.resolved") == [{"number": number}]
    desk.patch(lead_id, {"status": "won"})
    desk.deliver(lead_id)
    assert desk.sent == [("UpdateLead", {"LeadNumber": number, "LeadStatus": 50})]
    assert len(desk.at_vendor(lead_id)) == 1


def test_an_edit_before_the_number_was_named_is_due_at_once(
    desk: LeadDesk, account: AwsAccount
) -> None:
    lead_id, number = lose_answer(desk)
    desk.patch(lead_id, {"rating": "Hot"})
    account.messages()

    resolved = desk.act(lead_id, "resolve", {"number": number})

    assert resolved.body["state"] == "pending"
    assert [message["leadId"] for message in account.messages()] == [lead_id]
    desk.deliver(lead_id)
    assert desk.sent == [("UpdateLead", {"LeadNumber": number, "Rating": 3})]
    assert desk.scene.delivery_row(lead_id)["state"] == "delivered"


def test_a_number_the_vendor_does_not_show_is_refused(desk: LeadDesk) -> None:
    lead_id = lose_request(desk)

    refused = desk.act(lead_id, "resolve", {"number": "000077"})

    assert (refused.status, refused.bad_fields) == (422, {"number"})
    assert desk.scene.delivery_row(lead_id)["state"] == "unconfirmed"


def test_a_number_of_another_lead_is_refused_by_its_name(desk: LeadDesk) -> None:
    other = desk.arrive()
    lead_id = lose_request(desk)
    [there] = desk.at_vendor(other)

    refused = desk.act(lead_id, "resolve", {"number": there["leadNumber"]})

    assert problem(refused) == (409, "number-of-another-lead")
    assert other in refused.body["detail"]
    assert desk.scene.delivery_row(lead_id)["remote_id"] is None


def test_a_number_another_of_our_leads_has_is_refused_and_named_to_its_own_dealership(
    desk: LeadDesk, admin: AdminClient
) -> None:
    holder = desk.arrive()
    lead_id, number = lose_answer(desk)
    desk.scene.execute(
        "UPDATE lead_delivery SET remote_id = %s WHERE id = %s",
        number,
        desk.scene.delivery_row(holder)["id"],
    )

    own = desk.act(lead_id, "resolve", {"number": number}, claims=owner(desk.dealership))
    foreign = admin("POST", "/api/admin/dealerships", {"name": "Other"}).body["id"]
    desk.scene.execute(
        "UPDATE lead_delivery SET dealership_id = %s WHERE remote_id IS NOT NULL", foreign
    )
    others = desk.act(lead_id, "resolve", {"number": number}, claims=owner(desk.dealership))

    assert problem(own) == problem(others) == (409, "number-taken")
    assert holder in own.body["detail"]
    assert holder not in others.body["detail"]
    assert desk.scene.delivery_row(lead_id)["state"] == "unconfirmed"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "http_503"}, (503, "try-again")),
        ({"kind": "cut_before"}, (503, "try-again")),
        ({"kind": "html"}, (503, "try-again")),
        ({"kind": "code", "code": 9}, (503, "try-again")),
        ({"kind": "code", "code": 1}, (409, "credentials-refused")),
    ],
)
def test_a_vendor_that_cannot_tell_changes_nothing(
    desk: LeadDesk, fault: dict[str, Any], expected: tuple[int, str]
) -> None:
    lead_id, number = lose_answer(desk)
    desk.simulator.add_fault(**fault, operation="GetLeadDetail", times=None)

    answer = desk.act(lead_id, "resolve", {"number": number})

    assert problem(answer) == expected
    if expected[0] == 503:
        assert int(answer.headers["Retry-After"]) > 0
    assert desk.scene.delivery_row(lead_id)["state"] == "unconfirmed"
    desk.simulator.clear_faults()
    assert desk.act(lead_id, "resolve", {"number": number}).status == 200


def test_without_credentials_nobody_can_look(desk: LeadDesk, admin: AdminClient) -> None:
    lead_id, number = lose_answer(desk)
    credential = admin("GET", CREDENTIALS, dealershipId=desk.dealership).body["id"]
    admin("DELETE", f"{CREDENTIALS}/{credential}", dealershipId=desk.dealership)

    assert problem(desk.act(lead_id, "resolve", {"number": number})) == (409, "no-credentials")


@pytest.mark.parametrize("number", ["", " ", None, 12, "1" * 21, "1 2", "№1", "../1"])
def test_what_is_no_number_is_refused_unasked(desk: LeadDesk, number: object) -> None:
    lead_id = lose_request(desk)

    refused = desk.act(lead_id, "resolve", {"number": number})

    assert (refused.status, refused.bad_fields) == (422, {"number"})
    assert desk.simulator.requests("GetLeadDetail") == []


def test_a_doubtful_delivery_is_never_simply_tried_again(desk: LeadDesk) -> None:
    lead_id, _ = lose_answer(desk)

    refused = desk.act(lead_id, "retry")

    assert problem(refused) == (409, "outcome-unknown")
    assert "resolve" in refused.body["detail"]
    assert "resend" in refused.body["detail"]
    desk.scene.execute(
        "UPDATE lead_delivery SET state = 'failed', last_error_code = 'OTHER',"
        " next_attempt_at = NULL"
    )
    assert problem(desk.act(lead_id, "retry")) == (409, "outcome-unknown")
    assert desk.admin("GET", f"/api/admin/leads/{lead_id}").body["deliveries"][0]["acts"] == [
        "resolve",
        "resend",
    ]


def test_what_is_sent_again_first_has_time_to_arrive(
    desk: LeadDesk, account: AwsAccount, database: Database
) -> None:
    lead_id = lose_request(desk)
    account.messages()

    resent = desk.act(lead_id, "resend")

    assert (resent.status, resent.body["state"], resent.body["attempts"]) == (202, "pending", 0)
    assert account.messages() == []
    row = desk.scene.delivery_row(lead_id)
    assert 180 < row["due_in"] <= 225
    assert row["woken_until"] is None
    desk.deliver(lead_id)
    assert desk.sent == []
    desk.pass_time(230)
    desk.deliver(lead_id)
    assert len(desk.at_vendor(lead_id)) == 1
    assert desk.scene.delivery_row(lead_id)["state"] == "delivered"
    assert audited(database, "delivery.resent") == [{}]


def test_what_was_sent_long_ago_is_woken_at_once(desk: LeadDesk, account: AwsAccount) -> None:
    lead_id = lose_request(desk)
    desk.pass_time(3600)
    account.messages()

    desk.act(lead_id, "resend")

    assert [message["leadId"] for message in account.messages()] == [lead_id]


def test_a_wake_up_that_is_lost_is_left_to_the_sweeper(desk: LeadDesk, account: AwsAccount) -> None:
    lead_id = lose_request(desk)
    desk.pass_time(3600)
    boto3.client("sqs").delete_queue(QueueUrl=account.queue_url)

    assert desk.act(lead_id, "resend").status == 202
    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["woken_until"]) == ("pending", None)
    assert desk.patch(lead_id, {"rating": "Hot"}).status == 200


def test_a_late_answer_after_send_again_still_counts(desk: LeadDesk) -> None:
    lead_id, number = lose_answer(desk)
    desk.act(lead_id, "resend")
    desk.scene.execute(
        "UPDATE lead SET easycars_lead_number = %s WHERE external_id = %s", number, lead_id
    )
    desk.pass_time(300)

    desk.deliver(lead_id)

    assert "CreateLead" not in [operation for operation, _ in desk.sent]
    assert len(desk.at_vendor(lead_id)) == 1


def test_a_lead_in_a_former_account_is_created_in_the_present_one(desk: LeadDesk) -> None:
    lead_id = move_away(desk)
    first, second = (account.account_number for account in desk.simulator.accounts())
    [former] = desk.at_vendor(lead_id, first)
    refused = desk.act(lead_id, "retry")

    resent = desk.act(lead_id, "resend")
    desk.deliver(lead_id)

    assert problem(refused) == (409, "account-changed")
    assert resent.status == 202
    [present] = desk.at_vendor(lead_id, second)
    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["remote_id"]) == ("delivered", present["leadNumber"])
    assert row["delivered_version"] == 2
    attempts = desk.scene.attempts(lead_id)
    [noted] = [attempt for attempt in attempts if attempt["outcome"] == "create_again"]
    assert noted["remote_id"] == former["leadNumber"]
    assert former["leadNumber"] in noted["detail"]
    desk.patch(lead_id, {"status": "lost"})
    desk.deliver(lead_id)
    assert [lead["status"] for lead in desk.at_vendor(lead_id, first)] == [10]
    assert [lead["status"] for lead in desk.at_vendor(lead_id, second)] == [60]


def test_a_lead_the_present_account_has_under_its_id_takes_that_number(desk: LeadDesk) -> None:
    lead_id = move_away(desk)
    stranger = desk.arrive()
    [there] = desk.at_vendor(stranger)
    number = there["leadNumber"]
    refused = desk.act(lead_id, "resolve", {"number": number})
    desk.scene.execute("DELETE FROM lead WHERE external_id = %s", stranger)
    desk.scene.execute("UPDATE lead SET external_id = %s WHERE external_id = %s", stranger, lead_id)

    resolved = desk.act(stranger, "resolve", {"number": number})

    assert problem(refused) == (409, "number-of-another-lead")
    assert (resolved.status, resolved.body["remoteId"]) == (200, number)
    assert desk.scene.delivery_row(stranger)["easycars_lead_number"] == number


def test_saving_the_former_credentials_lets_the_change_go_on(desk: LeadDesk) -> None:
    lead_id = move_away(desk)
    first = desk.simulator.accounts()[0]

    desk.connect(first)
    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["attempts"], row["last_error_code"]) == ("pending", 0, None)
    desk.deliver(lead_id)

    [lead] = desk.at_vendor(lead_id)
    assert desk.sent == [("UpdateLead", {"LeadNumber": lead["leadNumber"], "Rating": 3})]


def test_a_doubtful_lead_is_looked_for_again_in_its_own_account_only(desk: LeadDesk) -> None:
    lead_id, _ = lose_answer(desk)
    first, second = desk.simulator.accounts()
    desk.scene.execute(
        "UPDATE lead_delivery SET state = 'failed', last_error_code = 'SCOPE_CHANGED',"
        " next_attempt_at = NULL"
    )

    desk.connect(second)
    assert desk.scene.delivery_row(lead_id)["state"] == "failed"
    assert desk.admin("GET", f"/api/admin/leads/{lead_id}").body["deliveries"][0]["acts"] == [
        "resolve",
        "resend",
    ]
    desk.connect(first)

    row = desk.scene.delivery_row(lead_id)
    assert (row["state"], row["last_error_code"], row["easycars_lead_number"]) == (
        "unconfirmed", None, None,
    )  # fmt: skip
    assert row["due_in"] <= 0


def be_delivered(desk: LeadDesk) -> str:
    return desk.arrive()


def be_in_progress(desk: LeadDesk) -> str:
    lead_id = desk.arrive()
    desk.scene.execute(
        "UPDATE lead_delivery SET state = 'in_progress', lease_token = gen_random_uuid(),"
        " lease_until = now() + interval '1 minute'"
    )
    return lead_id


def be_pending(desk: LeadDesk) -> str:
    desk.simulator.add_fault("http_429", operation="CreateLead")
    return desk.arrive()


def be_unconnected(desk: LeadDesk) -> str:
    return desk.arrive(dealership=desk.scene.add_dealership(connected=False))


def be_refused_update(desk: LeadDesk) -> str:
    lead_id = desk.arrive()
    desk.patch(lead_id, {"rating": "Hot"})
    desk.simulator.add_fault("code", code=7, operation="UpdateLead")
    desk.deliver(lead_id)
    assert desk.scene.delivery_row(lead_id)["state"] == "failed"
    return lead_id


@pytest.mark.parametrize(
    ("be", "kinds"),
    [
        (be_delivered, ["already-delivered"] * 3),
        (be_in_progress, ["in-progress"] * 3),
        (be_pending, ["on-its-way"] * 3),
        (be_unconnected, [None, "nothing-in-doubt", "nothing-in-doubt"]),
        (be_refused_update, [None, "nothing-in-doubt", "nothing-in-doubt"]),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    desk: LeadDesk, be: Callable[[LeadDesk], str], kinds: list[str | None]
) -> None:
    lead_id = be(desk)
    before = desk.scene.delivery_row(lead_id)
    delivery = desk.admin("GET", f"/api/admin/deliveries/{before['id']}").body

    for act, kind in reversed(list(zip(ACTS, kinds, strict=True))):
        answer = desk.act(lead_id, act, {"number": "000001"} if act == "resolve" else None)
        if kind is None:
            assert answer.status == 202
            continue
        assert problem(answer) == (409, kind)
        after = desk.scene.delivery_row(lead_id)
        assert (after["state"], after["updated_at"]) == (before["state"], before["updated_at"])
    assert delivery["acts"] == [a for a, kind in zip(ACTS, kinds, strict=True) if kind is None]


@pytest.mark.parametrize("act", ["resolve", "resend"])
def test_only_managers_of_the_leads_dealership_decide(desk: LeadDesk, act: str) -> None:
    lead_id, number = lose_answer(desk)
    body = {"number": number} if act == "resolve" else None

    assert desk.act(lead_id, act, body, claims=staff(desk.dealership)).status == 403
    assert desk.act(lead_id, act, body, claims=owner(999)).status == 404
    assert desk.admin("POST", f"/api/admin/deliveries/999/{act}", body).status == 404
    assert desk.admin("POST", f"/api/admin/deliveries/x/{act}", body).status == 404
    assert desk.act(lead_id, act, body, claims=owner(desk.dealership)).status in (200, 202)
