"""Fetch one vehicle's pictures: one message of the images queue per invocation."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from forecourt.aws.image_bucket import S3ImageStore
from forecourt.aws.image_queue import ImageMessages
from forecourt.aws.secrets import SecretStore
from forecourt.cloudinary.image_store import CloudinaryImageStore
from forecourt.defects import only_redacted_errors
from forecourt.easycars.pictures import EasyCarsPictures
from forecourt.easycars.stock_mapping import split_list
from forecourt.images.ports import ImageStore
from forecourt.images.sync import ImageSync
from forecourt.settings import ImageSyncSettings
from forecourt.storage.database_settings import open_database
from forecourt.storage.postgres import Database
from forecourt.storage.vehicle_images import PostgresGalleries


@cache
def settings() -> ImageSyncSettings:
    """Read the environment on the sandbox's first call."""
    return ImageSyncSettings.from_environment()


@cache
def connections() -> tuple[Database, EasyCarsPictures]:
    """Make what holds connections, one of each per sandbox; none is open yet."""
    return open_database(settings()), EasyCarsPictures(settings().image_origins.split(","))


@cache
def store() -> ImageStore:
    """Choose where pictures are kept."""
    secret_arn = settings().cloudinary_secret_arn
    if settings().image_store == "Cloudinary" and secret_arn is not None:
        return CloudinaryImageStore(partial(SecretStore().read, secret_arn))
    return S3ImageStore(settings().image_bucket, settings().image_base_url)


@cache
def messages() -> ImageMessages:
    """Wire the sync on the sandbox's first call."""
    database, pictures = connections()
    sync = ImageSync(
        source=pictures,
        store=store(),
        galleries=PostgresGalleries(database, read_urls=split_list),
    )
    return ImageMessages(sync, settings().images_queue_url)


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one batch with the messages that must come back."""
    with only_redacted_errors("image_sync"):
        seconds = context.get_remaining_time_in_millis() / 1000
        return messages().work_on(event, seconds_left=seconds)
