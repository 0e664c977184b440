import base64
import json
from typing import Any

import pytest

from local.http_events import http_answer, http_event


def environ(**changes: Any) -> Any:
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/l\u00c3\u00bc",
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "3000",
        "REMOTE_ADDR": "10.0.0.7",
        "HTTP_HOST": "127.0.0.1:3000",
        "HTTP_USER_AGENT": "test",
        "wsgi.url_scheme": "http",
        **changes,
    }


def event(body: bytes = b"", claims: Any = None, **changes: Any) -> Any:
    return http_event(
        environ(**changes),
        body,
        route_key="POST /api/{name}",
        path_parameters={"name": "x"},
        api_id="api",
        account="1",
        claims=claims,
    )


def test_an_event_says_who_asked_for_what() -> None:
    made = event(QUERY_STRING="a=1&b=&a=2", HTTP_X_SITE_KEY="k")

    assert made["version"] == "2.0"
    assert made["rawPath"] == "/api/lü"
    assert made["queryStringParameters"] == {"a": "1,2", "b": ""}
    assert made["headers"]["x-site-key"] == "k"
    assert made["headers"]["x-forwarded-for"] == "10.0.0.7"
    assert made["pathParameters"] == {"name": "x"}
    assert made["requestContext"]["http"] == {
        "method": "POST",
        "path": "/api/lü",
        "protocol": "HTTP/1.1",
        "sourceIp": "10.0.0.7",
        "userAgent": "test",
    }
    assert made["requestContext"]["stage"] == "$default"
    assert "authorizer" not in made["requestContext"]
    assert "body" not in made
    assert made["isBase64Encoded"] is False


def test_cookies_are_a_list_and_no_header() -> None:
    made = event(HTTP_COOKIE="a=1; b=2")

    assert made["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in made["headers"]


@pytest.mark.parametrize(
    ("content_type", "body", "is_encoded"),
    [
        ("application/json", '{"n":"ü"}'.encode(), False),
        ("text/plain; charset=utf-8", b"hello", False),
        ("", b"hello", False),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("image/png", b"\x89PNG", True),
        ("application/json", b"\xff\xfe", True),
    ],
)
def test_a_body_that_is_no_text_travels_as_base64(
    content_type: str, body: bytes, is_encoded: bool
) -> None:
    made = event(body, CONTENT_TYPE=content_type)

    assert made["isBase64Encoded"] is is_encoded
    sent = made["body"]
    assert (base64.b64decode(sent) if is_encoded else sent.encode()) == body


def test_claims_reach_the_handler_as_text() -> None:
    made = event(claims={"sub": "u", "exp": 12, "groups": ["a", "b"], "verified": True})

    assert made["requestContext"]["authorizer"]["jwt"]["claims"] == {
        "sub": "u",
        "exp": "12",
        "groups": "[a b]",
        "verified": "true",
    }


def test_an_answer_has_its_status_headers_cookies_and_body() -> None:
    answer = http_answer(
        json.dumps(
            {
                "statusCode": 202,
                "headers": {"Content-Type": "application/json", "Content-Length": "999"},
                "cookies": ["a=1", "b=2"],
                "body": '{"ü":1}',
            }
        )
    )

    assert answer.status == "202 Accepted"
    assert answer.headers == [
        ("content-type", "application/json"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    assert answer.body == '{"ü":1}'.encode()


def test_a_base64_answer_is_decoded() -> None:
    body = base64.b64encode(b"\x00\xff").decode()
    answer = http_answer(json.dumps({"statusCode": 200, "body": body, "isBase64Encoded": True}))

    assert answer.body == b"\x00\xff"


def test_an_answer_without_a_status_is_json_with_200() -> None:
    answer = http_answer('{"a": 1}')

    assert (answer.status, answer.body) == ("200 OK", b'{"a": 1}')


@pytest.mark.parametrize("payload", ['{"statusCode": "soon"}', '{"statusCode": null}'])
def test_an_answer_with_a_bad_status_is_refused(payload: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        http_answer(payload)
