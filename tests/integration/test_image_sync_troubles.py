"""Pictures that cannot be fetched, kept or queued, and what is shown meanwhile."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from forecourt.aws.image_bucket import S3ImageStore
from forecourt.easycars.stock_mapping import split_list
from forecourt.errors import SkippableError
from forecourt.images.formats import PictureFormat
from forecourt.images.ports import ImageRequest, Outcome, PictureState, Stored
from forecourt.images.sync import MOST_TRIES, ImageSync
from forecourt.storage.postgres import Database
from forecourt.storage.vehicle_images import PostgresGalleries
from tests.support.picture_server import PNG
from tests.support.picture_world import BASE, BUCKET, PictureWorld, picture_world
from tests.support.stock import item


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureWorld]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    with picture_world(database) as world:
        yield world


def test_of_two_workers_with_one_message_the_late_failure_undoes_nothing(
    world: PictureWorld,
) -> None:
    a = world.server.picture("/a")
    world.feed(a)
    world.work()
    before = world.states()
    late = Outcome(state=PictureState.PENDING, tries=1, code="HTTP_503")
    galleries = PostgresGalleries(world.database, read_urls=split_list)
    galleries.record(world.bench.images.requests[0], a, 1, late)
    assert world.states() == before == {"/a": ("stored", 0, None)}


def test_one_broken_address_takes_no_other_with_it_and_is_not_asked_again(
    world: PictureWorld,
) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, world.server.url("/gone"), b)
    assert world.work()
    assert world.shown == ["/a", "/b"]
    assert world.states()["/gone"] == ("refused", 0, "HTTP_404")
    world.feed(a, world.server.url("/gone"), b, Price=1)
    assert world.bench.images.requests == []
    assert world.server.asked.count("/gone") == 1


def test_a_file_that_is_no_picture_is_refused(world: PictureWorld) -> None:
    world.server.pictures["/page"] = b"<html>not here</html>"
    world.feed(world.server.url("/page"), world.server.picture("/a"))
    assert world.work()
    assert world.states()["/page"] == ("refused", 0, "NOT_A_PICTURE")
    assert world.shown == ["/a"]


def test_an_address_elsewhere_is_refused_unasked(world: PictureWorld) -> None:
    world.feed("http://169.254.169.254/latest/meta-data", world.server.picture("/a"))
    assert world.work()
    assert world.shown == ["/a"]
    assert world.server.asked == ["/a"]


def test_while_one_fails_the_old_pictures_stay(world: PictureWorld) -> None:
    a = world.server.picture("/a")
    world.feed(a)
    world.work()
    world.server.pictures["/b"] = 503
    world.feed(world.server.picture("/c"), world.server.url("/b"))
    assert not world.work()
    assert world.shown == ["/a"]
    world.server.picture("/b")
    assert world.work()
    assert world.shown == ["/c", "/b"]
    assert world.server.asked.count("/c") == 1


def test_without_any_picture_yet_what_there_is_is_shown(world: PictureWorld) -> None:
    world.server.pictures["/b"] = 503
    world.feed(world.server.picture("/a"), world.server.url("/b"))
    assert not world.work()
    assert world.shown == ["/a"]
    assert world.row["images_done"] is None


def test_what_fails_is_due_in_the_next_run_and_given_up_at_last(world: PictureWorld) -> None:
    world.server.pictures["/b"] = 503
    urls = world.server.picture("/a"), world.server.url("/b")
    for tries in range(1, MOST_TRIES):
        world.feed(*urls)
        assert not world.work()
        assert world.states()["/b"] == ("pending", tries, "HTTP_503")
    world.feed(*urls)
    assert world.work()
    assert world.states()["/b"] == ("refused", MOST_TRIES, "HTTP_503")
    world.feed(*urls)
    assert world.bench.images.requests == []


def test_when_every_new_address_is_broken_the_old_pictures_stay(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    world.feed(world.server.url("/gone"))
    assert world.work()
    assert world.shown == ["/a"]


def test_with_little_time_left_it_goes_on_later(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"), world.server.picture("/b"))
    assert not world.work(seconds_left=1)
    assert world.server.asked == []
    assert world.work()


def test_what_failed_before_lets_the_others_go_first(world: PictureWorld) -> None:
    world.server.pictures["/slow"] = 503
    world.feed(world.server.url("/slow"))
    assert not world.work()
    clock = iter([0.0, 0.0, 50.0])
    world.sync = ImageSync(
        source=world.source,
        store=S3ImageStore(BUCKET, BASE),
        galleries=PostgresGalleries(world.database, read_urls=split_list),
        clock=lambda: next(clock),
    )
    world.feed(world.server.url("/slow"), world.server.picture("/b"))

    assert not world.work(seconds_left=100)

    assert world.server.asked == ["/slow", "/b"]
    assert world.shown == ["/b"]


def test_a_feed_that_changed_meanwhile_is_not_called_done(world: PictureWorld) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a)

    def change(handler: Any) -> None:
        world.bench.run(world.dealership, item("12", ImageURLs=b))
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(PNG)))
        handler.end_headers()
        handler.wfile.write(PNG)

    requests = list(world.bench.images.requests)
    world.server.pictures["/a"] = change
    world.sync.run(requests[0], seconds_left=300)
    assert world.row["images_done"] is None
    assert world.row["images"] == []


def test_a_store_that_is_away_loses_nothing(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    boto3.client("s3").delete_bucket(Bucket=BUCKET)
    with pytest.raises(Exception, match="S3"):
        world.work()
    assert world.row["images_done"] is None
    boto3.client("s3").create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"}
    )
    assert world.work()
    assert world.shown == ["/a"]


def test_a_picture_the_store_refuses_takes_no_other_with_it(world: PictureWorld) -> None:
    class Choosy(S3ImageStore):
        def put(
            self, request: ImageRequest, content_hash: bytes, kind: PictureFormat, body: bytes
        ) -> Stored:
            if body.endswith(b"/b"):
                raise SkippableError(code="STORE_REFUSED", detail="no", target="Cloudinary")
            return super().put(request, content_hash, kind, body)

    world.sync = ImageSync(
        source=world.source,
        store=Choosy(BUCKET, BASE),
        galleries=PostgresGalleries(world.database, read_urls=split_list),
    )
    world.feed(*(world.server.picture(path) for path in ("/a", "/b", "/c")))
    assert world.work()
    assert world.shown == ["/a", "/c"]
    assert world.states()["/b"] == ("refused", 0, "STORE_REFUSED")


def test_pictures_that_cannot_be_queued_are_told_and_due_again(world: PictureWorld) -> None:
    world.bench.images.takes = 0
    world.feed(world.server.picture("/a"))
    log = world.bench.logs(world.dealership)[-1]
    assert log["status"] == "Warning"
    assert "pictures of 1 vehicles could not be queued" in log["error_message"]
    world.bench.images.takes = 10
    world.feed(world.server.picture("/a"))
    assert len(world.bench.images.requests) == 1
