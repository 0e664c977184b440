"""What a run of copying dead letters came to, as CloudWatch metrics in the embedded format."""

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from forecourt.leads.dead_letters import CopyingRun


class EmfCopyingMetrics:
    """Adapter of :class:`forecourt.leads.dead_letters.CopyingMetrics`.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``. The age is a metric of ours because SQS leaves messages that were
    received three times or more out of its own (SQS guide, "Available CloudWatch metrics"), and
    copying receives every dead letter every hour.
    """

    def copying_finished(self, run: CopyingRun) -> None:
        """Write one line with the numbers of a run, zeros too."""
        metrics = Metrics()
        metrics.add_metric("DeadLettersCopied", MetricUnit.Count, run.copied)
        metrics.add_metric("DeadLettersUncopied", MetricUnit.Count, run.uncopied)
        metrics.add_metric("OldestDeadLetterSeconds", MetricUnit.Seconds, run.oldest_seconds)
        metrics.flush_metrics()
