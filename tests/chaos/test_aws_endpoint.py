"""The harness' AWS speaks the real adapters' language, in good times and in trouble."""

import random
from collections.abc import Iterator
from uuid import uuid4

import pytest

from forecourt.aws.kms import KmsDataKeys
from forecourt.aws.secrets import SecretStore
from forecourt.aws.sns import SnsAlerts
from forecourt.aws.sqs import SqsLeadQueue, SqsWakeUps
from forecourt.errors import PermanentError, RetryableError
from forecourt.leads.message import QueuedMessage, WakeUpMessage, parse_message
from forecourt.leads.wake_ups import DYNAMICS, EASYCARS, WakeUp
from forecourt.security.credentials import Environment
from tests.chaos.aws_endpoint import AwsEndpoint
from tests.chaos.standard_queue import Habits, StandardQueue
from tests.support.data_keys import MemoryDataKeys


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsEndpoint]:
    queues = {name: StandardQueue(random.Random(1), Habits()) for name in (EASYCARS, DYNAMICS)}
    login = {"username": "forecourt", "password": "secret"}
    with AwsEndpoint(queues, MemoryDataKeys(), login) as endpoint:
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        yield endpoint


@pytest.fixture
def queue(aws: AwsEndpoint) -> SqsLeadQueue:
    environment = aws.environment()
    return SqsLeadQueue(environment["LEADS_QUEUE_URL"], environment["LEADS_DLQ_URL"])


def wake_ups(count: int, delay: int = 0) -> list[WakeUp]:
    return [
        WakeUp(delivery_id=number + 1, external_id=uuid4(), dealership_id=1, delay=delay)
        for number in range(count)
    ]


def test_wake_ups_get_onto_the_queue_when_they_are_due(
    aws: AwsEndpoint, queue: SqsLeadQueue
) -> None:
    assert queue.send_wake_ups(wake_ups(12, delay=30)) == []
    assert aws.queues[EASYCARS].receive() == []
    aws.queues[EASYCARS].let_pass(30)
    taken = [*aws.queues[EASYCARS].receive(), *aws.queues[EASYCARS].receive()]
    read = [parse_message(message.body) for message in taken]
    assert sorted(m.delivery_id for m in read if isinstance(m, WakeUpMessage)) == [*range(1, 13)]


def test_each_crm_has_a_queue_of_its_own(aws: AwsEndpoint) -> None:
    elsewhere = SqsWakeUps(aws.environment()["DYNAMICS_QUEUE_URL"])
    assert elsewhere.send_wake_ups(wake_ups(2)) == []
    assert {name: len(queue) for name, queue in aws.queues.items()} == {EASYCARS: 0, DYNAMICS: 2}


def test_a_message_is_hidden_and_buried(aws: AwsEndpoint, queue: SqsLeadQueue) -> None:
    aws.queues[EASYCARS].send("poison")
    (taken,) = aws.queues[EASYCARS].receive()
    message = QueuedMessage(
        message_id=taken.message_id, receipt_handle=taken.handle, body=taken.body
    )
    queue.hide(message, 5)
    assert aws.queues[EASYCARS].next_visible_in() == 5
    queue.bury(message, "MALFORMED_MESSAGE", "It cannot be read.")
    assert aws.buried == ["poison"]


@pytest.mark.parametrize(
    ("manner", "times", "unsent", "on_queue"),
    [("refused", 3, 4, 0), ("refused", 1, 0, 4), ("partly", 1, 2, 2), ("unheard", 3, 4, 12)],
)
def test_sending_fails_in_part_wholly_or_seemingly(
    aws: AwsEndpoint, queue: SqsLeadQueue, manner: str, times: int, unsent: int, on_queue: int
) -> None:
    aws.trouble("SendMessageBatch", manner, times)
    assert len(queue.send_wake_ups(wake_ups(4))) == unsent
    assert len(aws.queues[EASYCARS]) == on_queue
    assert aws.met_trouble == times
    assert queue.send_wake_ups(wake_ups(1)) == []


def test_calm_ends_trouble(aws: AwsEndpoint, queue: SqsLeadQueue) -> None:
    aws.trouble("SendMessageBatch", "refused", 100)
    aws.calm()
    assert queue.send_wake_ups(wake_ups(1)) == []


def test_the_secret_the_keys_and_the_topic_answer(aws: AwsEndpoint) -> None:
    environment = aws.environment()
    assert SecretStore().database_login(environment["DATABASE_SECRET_ARN"]).username == "forecourt"
    sealed = aws.keys.generate(7, Environment.TEST)
    opened = KmsDataKeys(environment["CREDENTIALS_KEY_ARN"]).decrypt(
        sealed.encrypted, 7, Environment.TEST
    )
    assert opened == sealed.plaintext
    SnsAlerts(environment["ALERT_TOPIC_ARN"]).publish("Subject", "Text")
    assert aws.published == ["Text"]


def test_trouble_reaches_every_service(aws: AwsEndpoint) -> None:
    environment = aws.environment()
    for action in ("GetSecretValue", "Decrypt", "Publish"):
        aws.trouble(action, "refused", 3)
    with pytest.raises(RetryableError):
        SecretStore().database_login(environment["DATABASE_SECRET_ARN"])
    with pytest.raises(RetryableError):
        KmsDataKeys(environment["CREDENTIALS_KEY_ARN"]).decrypt(b"x", 7, Environment.TEST)
    with pytest.raises(RetryableError):
        SnsAlerts(environment["ALERT_TOPIC_ARN"]).publish("Subject", "Text")


def test_a_key_of_another_dealership_opens_nothing(aws: AwsEndpoint) -> None:
    sealed = aws.keys.generate(7, Environment.TEST)
    keys = KmsDataKeys(aws.environment()["CREDENTIALS_KEY_ARN"])
    with pytest.raises((PermanentError, RetryableError)):
        keys.decrypt(sealed.encrypted, 8, Environment.TEST)
