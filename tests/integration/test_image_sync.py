"""One vehicle's pictures: real HTTP, real PostgreSQL, S3 in memory."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from forecourt.aws.image_bucket import S3ImageStore
from forecourt.easycars.pictures import EasyCarsPictures
from forecourt.easycars.stock_mapping import split_list
from forecourt.errors import SkippableError
from forecourt.images.formats import PictureFormat
from forecourt.images.ports import ImageRequest, Outcome, PictureState, Stored
from forecourt.images.sync import MOST_TRIES, ImageSync
from forecourt.storage.postgres import Database
from forecourt.storage.vehicle_edits import PostgresVehicleEdits
from forecourt.storage.vehicle_images import ORPHAN_DAYS, PostgresGalleries
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR
from tests.support.picture_server import PNG, PictureServer
from tests.support.stock import StockBench, item

BUCKET = "pictures"
BASE = "https://cdn.example"


class World:
    """A dealership with one vehicle, a picture server, a bucket, and the sync between them."""

    def __init__(self, database: Database, server: PictureServer) -> None:
        self.server = server
        self.bench = StockBench(database)
        self.database = database
        self.dealership = self.bench.add_dealership("O'Brien & Söhne")
        self.source = EasyCarsPictures([server.origin])
        self.sync = ImageSync(
            source=self.source,
            store=S3ImageStore(BUCKET, BASE),
            galleries=PostgresGalleries(database, read_urls=split_list),
        )

    def feed(self, *urls: str, **fields: Any) -> None:
        """Sync stock whose one vehicle names these addresses."""
        self.bench.images.requests.clear()
        self.bench.run(self.dealership, item("12", ImageURLs=",".join(urls), **fields))

    def work(self, *, seconds_left: float = 300.0) -> bool:
        """Work on what the stock run has queued; says whether all is done."""
        requests = self.bench.images.requests
        ended = [self.sync.run(one, seconds_left=seconds_left) for one in requests]
        return all(ended)

    @property
    def row(self) -> dict[str, Any]:
        return self.bench.vehicles(self.dealership)["12"]

    @property
    def writer(self) -> str:
        """The transaction that wrote the vehicle last."""
        [row] = self.bench.execute("SELECT xmin::text AS writer FROM vehicle")
        return str(row["writer"])

    @property
    def shown(self) -> list[str]:
        """The contents of the pictures the website shows, in order."""
        s3 = boto3.client("s3")
        keys = [url.removeprefix(f"{BASE}/") for url in self.row["images"]]
        bodies = [s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys]
        return [body.removeprefix(PNG).decode() for body in bodies]

    @property
    def kept(self) -> int:
        return int(boto3.client("s3").list_objects_v2(Bucket=BUCKET)["KeyCount"])

    def states(self) -> dict[str, tuple[str, int, str | None]]:
        rows = self.bench.execute(
            "SELECT source_url, state, attempts, refused_code FROM vehicle_image ORDER BY position"
        )
        return {
            row["source_url"].removeprefix(self.server.origin): (
                row["state"],
                row["attempts"],
                row["refused_code"],
            )
            for row in rows
        }


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    server = PictureServer()
    with mock_aws():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"}
        )
        world = World(database, server)
        yield world
        world.source.close()
    server.close()


def test_pictures_are_shown_in_the_feeds_order(world: World) -> None:
    a, b, c = (world.server.picture(path) for path in ("/a", "/b", "/c"))
    world.feed(c, a, b)
    assert world.work()
    assert world.shown == ["/c", "/a", "/b"]
    assert world.row["images_done"] == world.row["images_wanted"]


def test_a_second_night_fetches_nothing_and_writes_no_row(world: World) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, b)
    world.work()
    before, asked = world.row, list(world.server.asked)
    world.feed(a, b)
    assert world.bench.images.requests == []
    assert world.work()
    assert (world.row, world.server.asked) == (before, asked)


def test_a_message_that_comes_twice_changes_nothing(world: World) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    before, writer, asked = world.row, world.writer, list(world.server.asked)
    assert world.work()
    assert (world.row, world.writer, world.server.asked) == (before, writer, asked)


def test_of_two_workers_with_one_message_the_late_failure_undoes_nothing(world: World) -> None:
    a = world.server.picture("/a")
    world.feed(a)
    world.work()
    before = world.states()
    late = Outcome(state=PictureState.PENDING, tries=1, code="HTTP_503")
    galleries = PostgresGalleries(world.database, read_urls=split_list)
    galleries.record(world.bench.images.requests[0], a, 1, late)
    assert world.states() == before == {"/a": ("stored", 0, None)}


def test_another_order_fetches_nothing(world: World) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, b)
    world.work()
    asked = list(world.server.asked)
    world.feed(b, a)
    assert world.work()
    assert world.shown == ["/b", "/a"]
    assert world.server.asked == asked


def test_only_a_new_address_is_fetched(world: World) -> None:
    a = world.server.picture("/a")
    world.feed(a)
    world.work()
    world.feed(a, world.server.picture("/b"))
    assert world.work()
    assert world.server.asked == ["/a", "/b"]
    assert world.shown == ["/a", "/b"]


def test_the_same_content_under_another_address_is_kept_once(world: World) -> None:
    world.feed(world.server.picture("/a", "same"), world.server.picture("/b", "same"))
    assert world.work()
    assert world.kept == 1
    assert world.shown == ["same", "same"]


def test_one_broken_address_takes_no_other_with_it_and_is_not_asked_again(world: World) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, world.server.url("/gone"), b)
    assert world.work()
    assert world.shown == ["/a", "/b"]
    assert world.states()["/gone"] == ("refused", 0, "HTTP_404")
    world.feed(a, world.server.url("/gone"), b, Price=1)
    assert world.bench.images.requests == []
    assert world.server.asked.count("/gone") == 1


def test_a_file_that_is_no_picture_is_refused(world: World) -> None:
    world.server.pictures["/page"] = b"<html>not here</html>"
    world.feed(world.server.url("/page"), world.server.picture("/a"))
    assert world.work()
    assert world.states()["/page"] == ("refused", 0, "NOT_A_PICTURE")
    assert world.shown == ["/a"]


def test_an_address_elsewhere_is_refused_unasked(world: World) -> None:
    world.feed("http://169.254.169.254/latest/meta-data", world.server.picture("/a"))
    assert world.work()
    assert world.shown == ["/a"]
    assert world.server.asked == ["/a"]


def test_while_one_fails_the_old_pictures_stay(world: World) -> None:
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


def test_without_any_picture_yet_what_there_is_is_shown(world: World) -> None:
    world.server.pictures["/b"] = 503
    world.feed(world.server.picture("/a"), world.server.url("/b"))
    assert not world.work()
    assert world.shown == ["/a"]
    assert world.row["images_done"] is None


def test_what_fails_is_due_in_the_next_run_and_given_up_at_last(world: World) -> None:
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


def test_when_every_new_address_is_broken_the_old_pictures_stay(world: World) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    world.feed(world.server.url("/gone"))
    assert world.work()
    assert world.shown == ["/a"]


def test_a_feed_that_names_no_picture_any_more_empties_the_gallery(world: World) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    world.feed("")
    assert world.work()
    assert world.row["images"] == []


def test_a_gallery_a_dealer_locked_stays_and_is_done(world: World) -> None:
    world.feed(world.server.picture("/a"))
    world.bench.execute(
        "UPDATE vehicle SET images = '[\"https://own\"]', locked_fields = '{images}'"
    )
    assert world.work()
    assert world.row["images"] == ["https://own"]
    assert world.row["images_done"] == world.row["images_wanted"]


def test_unlocked_pictures_are_the_feeds_again_and_not_fetched_anew(world: World) -> None:
    a = world.server.picture("/a")
    world.feed(a)
    world.work()
    asked = list(world.server.asked)
    edits = PostgresVehicleEdits(world.database)
    own = {"images": ["https://dealer.example/own.jpg"]}
    edits.change(world.row["id"], None, values=own, lock={"images"}, unlock=set(), actor=ACTOR)
    edits.change(world.row["id"], None, values={}, lock=set(), unlock={"images"}, actor=ACTOR)

    world.feed(a)
    assert world.work()

    assert (world.shown, world.server.asked) == (["/a"], asked)


def test_what_the_feed_dropped_is_forgotten_after_a_week(world: World) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, b)
    world.work()
    world.feed(a)
    world.work()
    assert (world.shown, world.kept) == (["/a"], 2)
    let_pass(world.database, (ORPHAN_DAYS + 1) * 86_400)
    world.feed(a)
    assert len(world.bench.images.requests) == 1
    assert world.work()
    assert (world.shown, world.kept) == (["/a"], 1)
    assert world.server.asked == ["/a", "/b"]


def test_a_picture_that_is_shown_meanwhile_is_not_forgotten(world: World) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    world.server.pictures["/b"] = 503
    for _ in range(2):
        world.feed(world.server.url("/b"))
        assert not world.work()
        let_pass(world.database, (ORPHAN_DAYS + 1) * 86_400)
    assert (world.shown, world.kept) == (["/a"], 1)


def test_what_comes_back_within_the_week_is_not_fetched_again(world: World) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    for urls in ((a, b), (a,), (a, b)):
        world.feed(*urls)
        world.work()
    let_pass(world.database, (ORPHAN_DAYS + 1) * 86_400)
    world.feed(a, b)
    assert world.bench.images.requests == []
    assert (world.kept, world.server.asked) == (2, ["/a", "/b"])


def test_a_file_another_vehicle_shows_is_not_removed(world: World) -> None:
    a = world.server.picture("/a")
    both = [item("12", ImageURLs=a), item("13", ImageURLs=a)]
    world.bench.run(world.dealership, *both)
    world.work()
    world.bench.images.requests.clear()
    world.bench.run(world.dealership, item("12", ImageURLs=""), both[1])
    world.work()
    let_pass(world.database, (ORPHAN_DAYS + 1) * 86_400)
    world.bench.images.requests.clear()
    world.bench.run(world.dealership, item("12", ImageURLs=""), both[1])
    assert world.work()
    assert world.kept == 1


def test_with_little_time_left_it_goes_on_later(world: World) -> None:
    world.feed(world.server.picture("/a"), world.server.picture("/b"))
    assert not world.work(seconds_left=1)
    assert world.server.asked == []
    assert world.work()


def test_what_failed_before_lets_the_others_go_first(world: World) -> None:
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


def test_a_vehicle_that_left_the_feed_waits_for_no_pictures(world: World) -> None:
    def due(*items: dict[str, Any]) -> bool:
        world.bench.images.requests.clear()
        world.bench.run(world.dealership, item("13"), *items)
        asked = {request.vehicle_id for request in world.bench.images.requests}
        return world.row["id"] in asked

    car = item("12", ImageURLs=world.server.url("/a"))
    assert due(car)
    assert not due()
    assert not due()
    assert due(car)


def test_image_sync_switched_off_queues_nothing(world: World) -> None:
    world.bench.execute(
        "UPDATE system_settings SET value = 'false' WHERE key = 'easycar_image_sync_enabled'"
    )
    world.feed(world.server.picture("/a"))
    assert world.bench.images.requests == []


def test_what_was_queued_before_image_sync_was_switched_off_stays_due(world: World) -> None:
    world.feed(world.server.picture("/a"))
    switch = "UPDATE system_settings SET value = %s WHERE key = 'easycar_image_sync_enabled'"
    world.bench.execute(switch, "false")
    assert world.work()
    assert (world.server.asked, world.row["images_done"]) == ([], None)
    world.bench.execute(switch, "true")
    world.feed(world.server.picture("/a"))
    assert world.work()
    assert world.shown == ["/a"]


def test_a_vehicle_that_is_gone_or_the_dealers_own_is_left(world: World) -> None:
    world.feed(world.server.picture("/a"))
    world.bench.execute("UPDATE vehicle SET data_source = 'Manual'")
    assert world.work()
    assert world.server.asked == []
    gone = ImageRequest(dealership_id=world.dealership, vehicle_id=999_999)
    assert world.sync.run(gone, seconds_left=300)


def test_another_dealerships_message_touches_no_vehicle(world: World) -> None:
    world.feed(world.server.picture("/a"))
    other = world.bench.add_dealership("Other")
    stray = ImageRequest(dealership_id=other, vehicle_id=world.row["id"])
    assert world.sync.run(stray, seconds_left=300)
    assert world.server.asked == []


def test_a_feed_that_changed_meanwhile_is_not_called_done(world: World) -> None:
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


def test_the_counts_stand_in_the_log_row(world: World) -> None:
    world.server.pictures["/b"] = 503
    world.feed(
        world.server.picture("/a", "same"),
        world.server.picture("/c", "same"),
        world.server.url("/b"),
        world.server.url("/gone"),
    )
    world.work()
    world.work()
    summary = world.bench.logs(world.dealership)[-1]["response_summary"]
    assert summary["imagesQueued"] == 1
    assert summary["images"] == {"fetched": 1, "reused": 1, "refused": 1, "failed": 2}


def test_a_store_that_is_away_loses_nothing(world: World) -> None:
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


def test_a_picture_the_store_refuses_takes_no_other_with_it(world: World) -> None:
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


def test_pictures_that_cannot_be_queued_are_told_and_due_again(world: World) -> None:
    world.bench.images.takes = 0
    world.feed(world.server.picture("/a"))
    log = world.bench.logs(world.dealership)[-1]
    assert log["status"] == "Warning"
    assert "pictures of 1 vehicles could not be queued" in log["error_message"]
    world.bench.images.takes = 10
    world.feed(world.server.picture("/a"))
    assert len(world.bench.images.requests) == 1
