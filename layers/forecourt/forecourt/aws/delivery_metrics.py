"""What happened to leads, as CloudWatch metrics in the embedded format."""

from collections.abc import Mapping

from aws_lambda_powertools.metrics import Metrics, MetricUnit


class EmfDeliveryMetrics:
    """Adapter of :class:`forecourt.leads.delivery.DeliveryMetrics`.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``.
    """

    def batch_finished(self, counts: Mapping[str, int]) -> None:
        """Write one line with the counts of a batch; nothing when nothing happened."""
        if not counts:
            return
        metrics = Metrics()
        for name, value in sorted(counts.items()):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        metrics.flush_metrics()
