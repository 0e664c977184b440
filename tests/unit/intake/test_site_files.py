"""What intake knows of a dealership's website, and how fast it learns."""

from typing import Any

import pytest

from tests.support.website import KEY, ORIGIN, RING, Website


def test_the_site_file_is_read_once_a_minute(website: Website) -> None:
    for second in (0, 30, 59, 61):
        website.seconds = second
        website.send()

    assert website.documents.reads == 2


def key_file(*key_ids: str, origins: tuple[str, ...] = ()) -> dict[str, Any]:
    keys = [{"keyId": key_id, "ratePerSecond": 10, "burst": 9} for key_id in key_ids]
    return {"dealershipId": 7, "keys": keys, "origins": list(origins)}


def test_a_revoked_key_is_refused_within_a_minute(website: Website) -> None:
    website.send()
    website.documents.site = key_file("k2")

    website.seconds = 59.9
    assert website.send().answer.status == 202
    website.seconds = 60
    assert website.send().answer.status == 401


def test_a_new_key_works_after_five_seconds(website: Website) -> None:
    new = RING.make(7, "k2")
    website.send()
    website.documents.site = key_file("k1", "k2")

    assert website.send(x_site_key=new).answer.status == 401
    website.seconds = 5
    assert website.send(x_site_key=new).answer.status == 202


def test_a_newly_listed_origin_works_after_five_seconds() -> None:
    website = Website(origins=(ORIGIN,))
    website.send()
    website.documents.site = key_file("k1", origins=(ORIGIN, "https://new.example"))

    assert website.send(origin="https://new.example").answer.status == 403
    website.seconds = 5
    assert website.send(origin="https://new.example").answer.status == 202


def test_refused_keys_make_the_site_file_read_every_five_seconds_at_most(website: Website) -> None:
    for tenth in range(100):
        website.seconds = tenth / 10
        website.send(x_site_key=RING.make(7, "made up"))
        website.send(x_site_key=RING.make(7, "revoked"))

    assert website.documents.reads == 2


def test_with_s3_away_the_last_copy_goes_on_serving() -> None:
    website = Website(origins=(ORIGIN,))
    website.send()
    website.documents.away = True
    website.seconds = 3600

    assert website.send(origin="https://evil.example").answer.status == 403
    assert website.send(origin=ORIGIN).answer.status == 202
    assert website.documents.reads == 2


def test_with_s3_away_from_the_start_the_signature_decides(website: Website) -> None:
    website.documents.away = True

    assert website.send(origin="https://any.example").answer.status == 202
    assert website.send(x_site_key=KEY[:-1]).answer.status == 401


@pytest.mark.parametrize("site", [None, {}, {"keys": [{}], "origins": []}, [], {"keys": 1}])
def test_a_missing_or_broken_site_file_leaves_the_signature(website: Website, site: Any) -> None:
    website.documents.site = site

    assert website.send().answer.status == 202
