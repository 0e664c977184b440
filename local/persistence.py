"""What of moto's memory outlives the stack: queue messages, key material, secrets, objects."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, cast

from moto.kms.models import kms_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends

from local.journal import Journal
from local.queues import keep_journal
from local.stored_objects import StoredObjects

if TYPE_CHECKING:
    from local.data_folder import DataFolder


class Persistence:
    """Gives a stack back what the last one on the same data folder held.

    Parameters
    ----------
    data
        The opened data folder.
    account, region
        Where moto keeps the stack's resources.
    """

    def __init__(self, data: DataFolder, *, account: str, region: str) -> None:
        self._data = data
        self._account = account
        self._region = region
        self._lock = threading.Lock()
        self._journal = Journal(data.root / "queues.journal")
        self.objects = StoredObjects(data.objects, account=account)
        self._secrets_lock = threading.Lock()

    def close(self) -> None:
        """Close what is open."""
        self._journal.close()

    def restore_queue(self, name: str) -> None:
        """Make a queue journaled and give it the messages it still held."""
        keep_journal(name, account=self._account, region=self._region, journal=self._journal)

    def restore_key(self, logical_id: str, key_id: str) -> str:
        """Give a fresh KMS key the id and material it had before; return the id it has now.

        KMS has no way to choose either, but what an earlier run encrypted names the key by id.
        """
        keys = kms_backends[self._account][self._region].keys
        key = keys[key_id]
        kept = self._data.read_keys("kms")
        if logical_id in kept:
            del keys[key_id]
            key.id = kept[logical_id]["id"]
            key.arn = f"arn:aws:kms:{self._region}:{self._account}:key/{key.id}"
            key.key_material = base64.b64decode(kept[logical_id]["material"])
            keys[key.id] = key
            return str(key.id)
        material = base64.b64encode(key.key_material).decode()
        self._data.write_keys("kms", {**kept, logical_id: {"id": key.id, "material": material}})
        return key_id

    def kept_secret(self, name: str) -> str | None:
        """Return the value a secret had, or None for one that is new."""
        return cast("str | None", self._data.read_keys("secrets").get(name))

    def objects_changed(self, bucket: str, key: str) -> None:
        """Keep an S3 object as it is now; an empty key means every object of the bucket."""
        if key:
            self.objects.mirror(bucket, key)
        else:
            self.objects.mirror_bucket(bucket)

    def secrets_changed(self) -> None:
        """Keep the current value of every secret."""
        with self._lock:
            self._keep_secrets()

    def _keep_secrets(self) -> None:
        held = secretsmanager_backends[self._account][self._region].secrets
        current = {
            secret.name: secret.versions[secret.default_version_id]["secret_string"]
            for secret in held.values()
            if isinstance(secret, FakeSecret) and secret.default_version_id is not None
        }
        with self._secrets_lock:
            kept = self._data.read_keys("secrets")
            if any(kept.get(name) != value for name, value in current.items()):
                self._data.write_keys("secrets", {**kept, **current})
