"""Pictures in Cloudinary: its own library over real HTTP, and a server that checks everything."""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from forecourt.cloudinary.image_store import CloudinaryAccount, CloudinaryImageStore
from forecourt.errors import ForecourtError, PermanentError, RetryableError, SkippableError
from forecourt.images.formats import PictureFormat, format_of
from forecourt.images.ports import ImageRequest, Stored
from tests.support.cloudinary_server import (
    API_KEY,
    API_SECRET,
    CLOUD,
    MOST_BYTES,
    CloudinaryServer,
    refusing,
    saying,
)
from tests.support.picture_server import PNG

REQUEST = ImageRequest(dealership_id=7, vehicle_id=41)
OTHER = ImageRequest(dealership_id=7, vehicle_id=42)
BODY = PNG + b"a picture & more"


class Desk:
    """A store, its server, and the secret it is given."""

    def __init__(self, server: CloudinaryServer) -> None:
        self.server = server
        self.secret = {
            "cloud_name": CLOUD,
            "api_key": API_KEY,
            "api_secret": API_SECRET,
            "upload_prefix": server.prefix,
        }
        self.reads = 0
        self.store = CloudinaryImageStore(self._read)

    def _read(self) -> dict[str, SecretStr]:
        self.reads += 1
        return {name: SecretStr(value) for name, value in self.secret.items()}

    def put(self, body: bytes = BODY, request: ImageRequest = REQUEST) -> Stored:
        kind = format_of(body) or PictureFormat("image/png", "png")
        return self.store.put(request, hashlib.sha256(body).digest(), kind, body)


@pytest.fixture
def server() -> Iterator[CloudinaryServer]:
    server = CloudinaryServer()
    yield server
    server.close()


@pytest.fixture
def desk(server: CloudinaryServer) -> Desk:
    return Desk(server)


def test_a_picture_lies_in_its_vehicle_s_folder_with_its_tags(desk: Desk) -> None:
    stored = desk.put()

    name = hashlib.sha256(BODY).hexdigest()
    assert stored.key == f"vehicles/41/{name}"
    assert stored.url == f"https://res.cloudinary.com/{CLOUD}/image/upload/v1/{stored.key}.png"
    asset = desk.server.assets[stored.key]
    assert asset.body == BODY
    assert asset.tags == ["forecourt", "vehicleId:41", "dealershipId:7"]
    assert (asset.overwrites, asset.invalidates) == (True, True)


def test_the_same_content_again_is_the_same_picture_and_another_vehicle_s_is_its_own(
    desk: Desk,
) -> None:
    first, again, other = desk.put(), desk.put(), desk.put(request=OTHER)

    assert first.key == again.key
    assert other.key.startswith("vehicles/42/")
    assert desk.server.assets.keys() == {first.key, other.key}
    desk.store.remove(first.key)
    assert desk.server.assets.keys() == {other.key}


def test_a_picture_is_removed_with_its_copies_and_need_not_be_there(desk: Desk) -> None:
    stored = desk.put()
    desk.store.remove(stored.key)
    desk.store.remove(stored.key)
    desk.store.remove("vehicles/7/of-s3.jpg")

    assert desk.server.assets == {}
    assert desk.server.invalidated == [stored.key]


@pytest.mark.parametrize(
    "body", [b"\xff\xd8\xff jpeg", PNG, b"GIF89a gif", b"RIFF\0\0\0\0WEBPVP8 webp"]
)
def test_every_format_of_ours_is_taken(desk: Desk, body: bytes) -> None:
    assert desk.server.assets[desk.put(body).key].body == body


@pytest.mark.parametrize(
    "body", [b"<html>no picture</html>", PNG + b"x" * MOST_BYTES], ids=["no picture", "too large"]
)
def test_what_cloudinary_does_not_take_costs_that_picture_alone(desk: Desk, body: bytes) -> None:
    with pytest.raises(SkippableError) as caught:
        desk.put(body)
    assert (caught.value.code, caught.value.target) == ("STORE_REFUSED", "Cloudinary")
    assert desk.put()


def test_the_largest_picture_is_taken(desk: Desk) -> None:
    assert desk.put(PNG + b"x" * (MOST_BYTES - len(PNG)))


@pytest.mark.parametrize(
    ("member", "value"),
    [("api_secret", "another"), ("api_key", "999"), ("cloud_name", "another-cloud")],
)
def test_a_refused_account_is_a_defect_of_the_secret_and_read_anew(
    desk: Desk, member: str, value: str
) -> None:
    right = desk.secret[member]
    desk.secret[member] = value
    for _ in range(2):
        with pytest.raises(PermanentError) as caught:
            desk.put()
        assert caught.value.code == "STORE_DENIED"
    assert desk.reads == 2

    desk.secret[member] = right
    assert desk.put()
    assert desk.put()
    assert desk.reads == 3


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.close_connection = True


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refusing(420), "STORE_RATE_LIMITED"),
        (refusing(429), "STORE_RATE_LIMITED"),
        (refusing(500), "STORE_AWAY"),
        (refusing(503), "STORE_AWAY"),
        (saying(502, b"<html>Bad gateway</html>"), "STORE_AWAY"),
        (saying(200, b"{}"), "STORE_AWAY"),
        (saying(200, b'{"public_id": "x"}'), "STORE_AWAY"),
        (cut, "STORE_AWAY"),
    ],
    ids=["420", "429", "500", "503", "html", "empty", "no url", "cut"],
)
def test_what_may_pass_is_tried_again(
    desk: Desk, answer: Callable[[BaseHTTPRequestHandler], None], code: str
) -> None:
    desk.server.will.append(answer)
    with pytest.raises(RetryableError) as caught:
        desk.put()
    assert caught.value.code == code
    assert desk.put()


def test_a_deletion_that_is_not_said_to_be_done_is_tried_again(desk: Desk) -> None:
    desk.server.will.append(saying(200, b'{"result": "pending"}'))
    with pytest.raises(RetryableError):
        desk.store.remove("vehicles/41/a")


def test_a_server_that_is_not_there_is_away(desk: Desk) -> None:
    desk.server.close()
    with pytest.raises(RetryableError):
        desk.put()


def test_no_error_tells_the_secret_or_what_cloudinary_said(desk: Desk) -> None:
    errors: list[ForecourtError] = []
    for status in (400, 401, 420, 500):
        desk.server.will.append(refusing(status, f"{API_SECRET} {API_KEY} whoever@example.com"))
        with pytest.raises(ForecourtError) as caught:
            desk.put()
        errors.append(caught.value)
    for error in errors:
        said = f"{error!r} {error.__cause__!r} {error.__context__!r}"
        for word in (API_SECRET, API_KEY, "whoever"):
            assert word not in said


@pytest.mark.parametrize(
    ("secret", "named"),
    [
        ({}, "api_key, api_secret, cloud_name"),
        ({"cloud_name": "a/b", "api_key": "1", "api_secret": "x"}, "cloud_name"),
        (
            {
                "cloud_name": "a", "api_key": "1", "api_secret": "x",
                "upload_prefix": "http://api.example",
            },
            "upload_prefix",
        ),
    ],
    ids=["empty", "bad name", "no https"],
)  # fmt: skip
def test_a_malformed_secret_is_named_by_member(secret: dict[str, str], named: str) -> None:
    with pytest.raises(PermanentError) as caught:
        CloudinaryAccount.from_secret({name: SecretStr(one) for name, one in secret.items()})
    assert caught.value.code == "SECRET_MALFORMED"
    assert caught.value.detail.endswith(f"missing or wrong: {named}.")


def test_the_library_is_imported_on_first_use_only() -> None:
    code = (
        "import sys, forecourt.cloudinary.image_store as store;"
        "store.CloudinaryImageStore(dict);"
        "sys.exit(any(name.partition('.')[0] in {'cloudinary', 'urllib3'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
