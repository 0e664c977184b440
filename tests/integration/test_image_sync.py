"""One vehicle's pictures: real HTTP, real PostgreSQL, S3 in memory."""

from collections.abc import Iterator
from typing import Any

import pytest

from forecourt.images.ports import ImageRequest
from forecourt.storage.postgres import Database
from forecourt.storage.vehicle_edits import PostgresVehicleEdits
from forecourt.storage.vehicle_images import ORPHAN_DAYS
from tests.support.clock import let_pass
from tests.support.lead_delivery import ACTOR
from tests.support.picture_world import PictureWorld, picture_world
from tests.support.stock import item


@pytest.fixture
def world(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[PictureWorld]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-southeast-2")
    with picture_world(database) as world:
        yield world


def test_pictures_are_shown_in_the_feeds_order(world: PictureWorld) -> None:
    a, b, c = (world.server.picture(path) for path in ("/a", "/b", "/c"))
    world.feed(c, a, b)
    assert world.work()
    assert world.shown == ["/c", "/a", "/b"]
    assert world.row["images_done"] == world.row["images_wanted"]


def test_a_second_night_fetches_nothing_and_writes_no_row(world: PictureWorld) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, b)
    world.work()
    before, asked = world.row, list(world.server.asked)
    world.feed(a, b)
    assert world.bench.images.requests == []
    assert world.work()
    assert (world.row, world.server.asked) == (before, asked)


def test_a_message_that_comes_twice_changes_nothing(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    before, writer, asked = world.row, world.writer, list(world.server.asked)
    assert world.work()
    assert (world.row, world.writer, world.server.asked) == (before, writer, asked)


def test_another_order_fetches_nothing(world: PictureWorld) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    world.feed(a, b)
    world.work()
    asked = list(world.server.asked)
    world.feed(b, a)
    assert world.work()
    assert world.shown == ["/b", "/a"]
    assert world.server.asked == asked


def test_only_a_new_address_is_fetched(world: PictureWorld) -> None:
    a = world.server.picture("/a")
    world.feed(a)
    world.work()
    world.feed(a, world.server.picture("/b"))
    assert world.work()
    assert world.server.asked == ["/a", "/b"]
    assert world.shown == ["/a", "/b"]


def test_the_same_content_under_another_address_is_kept_once(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a", "same"), world.server.picture("/b", "same"))
    assert world.work()
    assert world.kept == 1
    assert world.shown == ["same", "same"]


def test_a_feed_that_names_no_picture_any_more_empties_the_gallery(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    world.feed("")
    assert world.work()
    assert world.row["images"] == []


def test_a_gallery_a_dealer_locked_stays_and_is_done(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    world.bench.execute(
        "UPDATE vehicle SET images = '[\"https://own\"]', locked_fields = '{images}'"
    )
    assert world.work()
    assert world.row["images"] == ["https://own"]
    assert world.row["images_done"] == world.row["images_wanted"]


def test_unlocked_pictures_are_the_feeds_again_and_not_fetched_anew(world: PictureWorld) -> None:
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


def test_what_the_feed_dropped_is_forgotten_after_a_week(world: PictureWorld) -> None:
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


def test_a_picture_that_is_shown_meanwhile_is_not_forgotten(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    world.work()
    world.server.pictures["/b"] = 503
    for _ in range(2):
        world.feed(world.server.url("/b"))
        assert not world.work()
        let_pass(world.database, (ORPHAN_DAYS + 1) * 86_400)
    assert (world.shown, world.kept) == (["/a"], 1)


def test_what_comes_back_within_the_week_is_not_fetched_again(world: PictureWorld) -> None:
    a, b = world.server.picture("/a"), world.server.picture("/b")
    for urls in ((a, b), (a,), (a, b)):
        world.feed(*urls)
        world.work()
    let_pass(world.database, (ORPHAN_DAYS + 1) * 86_400)
    world.feed(a, b)
    assert world.bench.images.requests == []
    assert (world.kept, world.server.asked) == (2, ["/a", "/b"])


def test_a_file_another_vehicle_shows_is_not_removed(world: PictureWorld) -> None:
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


def test_a_vehicle_that_left_the_feed_waits_for_no_pictures(world: PictureWorld) -> None:
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


def test_image_sync_switched_off_queues_nothing(world: PictureWorld) -> None:
    world.bench.execute(
        "UPDATE system_settings SET value = 'false' WHERE key = 'easycar_image_sync_enabled'"
    )
    world.feed(world.server.picture("/a"))
    assert world.bench.images.requests == []


def test_what_was_queued_before_image_sync_was_switched_off_stays_due(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    switch = "UPDATE system_settings SET value = %s WHERE key = 'easycar_image_sync_enabled'"
    world.bench.execute(switch, "false")
    assert world.work()
    assert (world.server.asked, world.row["images_done"]) == ([], None)
    world.bench.execute(switch, "true")
    world.feed(world.server.picture("/a"))
    assert world.work()
    assert world.shown == ["/a"]


def test_a_vehicle_that_is_gone_or_the_dealers_own_is_left(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    world.bench.execute("UPDATE vehicle SET data_source = 'Manual'")
    assert world.work()
    assert world.server.asked == []
    gone = ImageRequest(dealership_id=world.dealership, vehicle_id=999_999)
    assert world.sync.run(gone, seconds_left=300)


def test_another_dealerships_message_touches_no_vehicle(world: PictureWorld) -> None:
    world.feed(world.server.picture("/a"))
    other = world.bench.add_dealership("Other")
    stray = ImageRequest(dealership_id=other, vehicle_id=world.row["id"])
    assert world.sync.run(stray, seconds_left=300)
    assert world.server.asked == []


def test_the_counts_stand_in_the_log_row(world: PictureWorld) -> None:
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
