"""A run's numbers as CloudWatch metrics in the embedded format, written to the log."""

from collections.abc import Iterable, Mapping
from itertools import batched

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from forecourt.stock.dealership_classes import ClassTally, DealershipClass
from forecourt.stock.job_end import JobSummary
from forecourt.stock.run import Counts, SyncType

_VALUES = 99
"""A document holds a hundred values of a metric at most (EMF specification); with the hundredth the
library writes it by itself and complains of the empty rest."""


class EmfSyncMetrics:
    """Adapter of :class:`forecourt.stock.summary.SyncMetrics`.

    Sums have the dimensions ``service`` and ``syncType``. ``DealershipsSucceeded``,
    ``DealershipsFailed`` and ``DealershipSeconds`` stand once more under ``dealershipClass`` too,
    so that an alarm can watch, say, the slowest tenth of small dealerships.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``.
    """

    def job_finished(
        self,
        sync_type: SyncType,
        summary: JobSummary,
        totals: Counts,
        classes: Mapping[DealershipClass, ClassTally],
    ) -> None:
        """Write one line with every sum of the run, and one for each class of dealership."""
        _write(
            {"syncType": sync_type.value},
            (
                ("DealershipsPlanned", summary.planned),
                ("DealershipsSucceeded", summary.succeeded),
                ("DealershipsFailed", summary.failed),
                ("RecordsReceived", totals.received),
                ("RecordsCreated", totals.created),
                ("RecordsUpdated", totals.updated),
                ("RecordsUnchanged", totals.unchanged),
                ("RecordsFailed", totals.failed),
                ("RecordsRemoved", totals.removed),
            ),
        )
        for name, one in classes.items():
            dimensions = {"syncType": sync_type.value, "dealershipClass": name.value}
            _write(
                dimensions,
                (("DealershipsSucceeded", one.succeeded), ("DealershipsFailed", one.failed)),
            )
            for some in batched(one.seconds, _VALUES, strict=False):
                _write(
                    dimensions,
                    [("DealershipSeconds", seconds) for seconds in some],
                    MetricUnit.Seconds,
                )


def _write(
    dimensions: Mapping[str, str],
    values: Iterable[tuple[str, float]],
    unit: MetricUnit = MetricUnit.Count,
) -> None:
    """Write one document."""
    metrics = Metrics()
    for name, meaning in dimensions.items():
        metrics.add_dimension(name=name, value=meaning)
    for name, value in values:
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
