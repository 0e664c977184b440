"""The list of dealerships of a run, where the Distributed Map's ItemReader finds it."""

from collections.abc import Sequence
from uuid import UUID

from forecourt.aws.s3 import JsonBucket
from forecourt.errors import PermanentError
from forecourt.stock.plan import PlanLocation


class S3SyncPlans:
    """Adapter of :class:`forecourt.stock.plan.PlanFiles`: ``runs/{jobId}/plan.json``."""

    def __init__(self, bucket: str) -> None:
        self._bucket = JsonBucket(bucket)

    def location(self, job_id: UUID) -> PlanLocation:
        """Return where the job's list lies or would lie."""
        return PlanLocation(bucket=self._bucket.bucket, key=f"runs/{job_id}/plan.json")

    def write(self, location: PlanLocation, dealership_ids: Sequence[int]) -> None:
        """Store the list as ``[{"dealershipId": 1}, …]``."""
        self._bucket.put(location.key, [{"dealershipId": one} for one in dealership_ids])

    def read(self, location: PlanLocation) -> list[int]:
        """Return the list that was written there.

        Raises
        ------
        PermanentError
            ``PLAN_MISSING`` where there is none.
        """
        plan = self._bucket.get(location.key)
        if plan is None:
            raise PermanentError(
                code="PLAN_MISSING", detail=f"there is no {location.key}", target="S3"
            )
        return [int(item["dealershipId"]) for item in plan]
