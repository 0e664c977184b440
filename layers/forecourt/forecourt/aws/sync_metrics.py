"""A run's numbers as CloudWatch metrics in the embedded format, written to the log."""

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from forecourt.stock.job_end import JobSummary
from forecourt.stock.run import Counts, SyncType


class EmfSyncMetrics:
    """Adapter of :class:`forecourt.stock.summary.SyncMetrics`; dimension ``syncType``.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``, which the alarms in ``template.yaml`` also name.
    """

    def job_finished(self, sync_type: SyncType, summary: JobSummary, totals: Counts) -> None:
        """Write one line with every number of the run."""
        metrics = Metrics()
        metrics.add_dimension(name="syncType", value=sync_type.value)
        for name, value in (
            ("DealershipsPlanned", summary.planned),
            ("DealershipsSucceeded", summary.succeeded),
            ("DealershipsFailed", summary.failed),
            ("RecordsReceived", totals.received),
            ("RecordsCreated", totals.created),
            ("RecordsUpdated", totals.updated),
            ("RecordsUnchanged", totals.unchanged),
            ("RecordsFailed", totals.failed),
            ("RecordsRemoved", totals.removed),
        ):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        metrics.flush_metrics()
