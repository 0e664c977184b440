"""A dealership with one vehicle, a picture server, a bucket, and the image sync between them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from forecourt.aws.image_bucket import S3ImageStore
from forecourt.easycars.pictures import EasyCarsPictures
from forecourt.easycars.stock_mapping import split_list
from forecourt.images.sync import ImageSync
from forecourt.storage.postgres import Database
from forecourt.storage.vehicle_images import PostgresGalleries
from tests.support.picture_server import PNG, PictureServer
from tests.support.stock import StockBench, item

BUCKET = "pictures"
BASE = "https://cdn.example"


class PictureWorld:
    """All of it, and eyes on its rows; AWS is moto's."""

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


@contextmanager
def picture_world(database: Database) -> Iterator[PictureWorld]:
    """Set it up and take it down; the region is the environment's."""
    server = PictureServer()
    with mock_aws():
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"}
        )
        world = PictureWorld(database, server)
        yield world
        world.source.close()
    server.close()
