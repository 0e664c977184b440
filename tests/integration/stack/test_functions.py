import base64
import json
import threading

import pytest
from botocore.exceptions import ClientError

from tests.integration.stack.running_sample import RunningSample, wait_until


def test_a_function_sees_its_template_and_its_layers_and_nothing_else(
    sample: RunningSample,
) -> None:
    seen = sample.invoke("EchoFunction", {"a": "ü"})["Payload"]

    assert seen["event"] == {"a": "ü"}
    assert seen["layer"] == "from the layer"
    environment = seen["environment"]
    assert environment["QUEUE_URL"] == sample.resource("WorkQueue")
    assert environment["BUCKET"] == sample.resource("Bucket")
    assert environment["KEY_ARN"] == sample.resource("Key")
    assert (
        environment["LABEL"] == "forecourt-local/forecourt-local-bucket/forecourt-local-WorkQueue"
    )
    assert environment["AWS_ENDPOINT_URL"] == sample.state["aws_endpoint_url"]
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == sample.resource("EchoFunction")
    assert not [name for name in environment if name.startswith(("PYTEST", "VIRTUAL_ENV", "USER"))]
    assert 9_000 < seen["remaining"] <= 10_000


def test_a_warm_sandbox_is_used_again_and_more_are_made_when_needed(sample: RunningSample) -> None:
    first = sample.invoke("FragileFunction", {"way": "return"})["Payload"]
    again = sample.invoke("FragileFunction", {"way": "return"})["Payload"]
    assert first == again

    pids: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: pids.append(
                sample.invoke("FragileFunction", {"way": "sleep"})["Payload"]
            )
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(pids)) == 3


@pytest.mark.parametrize(
    ("way", "kind", "message"),
    [
        ("raise", "RetryableError", "the vendor is away"),
        ("hang", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
        ("exit", "Runtime.ExitError", "exit status 3"),
        ("killed", "Runtime.ExitError", "signal: SIGKILL"),
        ("unmarshalable", "Runtime.MarshalError", "Unable to marshal response"),
    ],
)
def test_a_failing_handler_answers_as_lambda_does_and_the_next_call_works(
    sample: RunningSample, way: str, kind: str, message: str
) -> None:
    failed = sample.invoke("FragileFunction", {"way": way})

    assert failed["StatusCode"] == 200
    assert failed["FunctionError"] == "Unhandled"
    assert failed["Payload"]["errorType"] == kind
    assert message in failed["Payload"]["errorMessage"]
    assert "FunctionError" not in sample.invoke("FragileFunction", {"way": "return"})


def test_an_error_carries_the_handlers_own_stack_only(sample: RunningSample) -> None:
    trace = sample.invoke("FragileFunction", {"way": "raise"})["Payload"]["stackTrace"]

    assert len(trace) == 1
    assert "functions/fragile/app.py" in trace[0]


def test_a_handler_that_cannot_be_imported_says_why_in_answer_log_and_at_start(
    sample: RunningSample,
) -> None:
    failed = sample.invoke("BrokenFunction", {})["Payload"]

    assert failed["errorType"] == "Runtime.ImportModuleError"
    assert "a_module_that_is_not_installed" in failed["errorMessage"]
    log = (sample.data / "logs" / "BrokenFunction.log").read_text()
    assert "a_module_that_is_not_installed" in log
    assert "BrokenFunction does not load" in sample.console()
    assert "broken.py" in sample.console()


def test_what_a_handler_prints_is_in_its_log_and_in_the_tail(sample: RunningSample) -> None:
    answer = sample.invoke("EchoFunction", {}, LogType="Tail")

    assert base64.b64decode(answer["LogResult"]) == b"echo was called"
    lines = (sample.data / "logs" / "EchoFunction.log").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert any(record.get("message") == "echo was called" for record in records)
    ids = {record.get("record", {}).get("requestId") for record in records}
    assert answer["Payload"]["requestId"] in ids


@pytest.mark.parametrize("form", ["{name}", "{name}:live", "{arn}", "{arn}:live"])
def test_a_function_is_found_by_name_and_arn_with_and_without_alias(
    sample: RunningSample, form: str
) -> None:
    name = sample.resource("EchoFunction")
    arn = f"arn:aws:lambda:ap-southeast-2:123456789012:function:{name}"

    answer = sample.client("lambda").invoke(
        FunctionName=form.format(name=name, arn=arn), Payload=b"{}"
    )

    assert answer["StatusCode"] == 200


def test_an_unknown_function_is_refused_as_lambda_refuses_it(sample: RunningSample) -> None:
    with pytest.raises(ClientError) as refused:
        sample.client("lambda").invoke(FunctionName="nobody", Payload=b"{}")

    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_a_payload_that_is_no_json_is_refused(sample: RunningSample) -> None:
    with pytest.raises(ClientError) as refused:
        sample.client("lambda").invoke(
            FunctionName=sample.resource("EchoFunction"), Payload=b"not json"
        )

    assert refused.value.response["Error"]["Code"] == "InvalidRequestContentException"


def test_an_asynchronous_call_answers_at_once_and_runs_later(sample: RunningSample) -> None:
    log = sample.data / "logs" / "FragileFunction.log"

    def timeouts() -> int:
        return log.read_text().count('"status": "timeout"') if log.exists() else 0

    before = timeouts()
    answers = [
        sample.invoke("FragileFunction", {"way": "hang"}, InvocationType="Event") for _ in range(5)
    ]
    so_far = timeouts() - before

    assert [answer["StatusCode"] for answer in answers] == [202] * 5
    assert so_far < 5  # had each been waited for, all five had run out of time by now
    wait_until(lambda: timeouts() - before == 5, seconds=30)
