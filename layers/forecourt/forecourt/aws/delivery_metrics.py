"""What happened to leads, as CloudWatch metrics in the embedded format."""

from collections.abc import Mapping, Sequence

from aws_lambda_powertools.metrics import Metrics, MetricUnit


class EmfDeliveryMetrics:
    """Adapter of :class:`forecourt.leads.tally.DeliveryMetrics`.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``. Times are written one by one, so that CloudWatch has their whole
    distribution and can tell a percentile.
    """

    def batch_finished(
        self, counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[int]]
    ) -> None:
        """Write one line with the numbers of a batch; nothing when nothing happened."""
        if not counts and not milliseconds:
            return
        metrics = Metrics()
        for name, value in sorted(counts.items()):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        for name, values in sorted(milliseconds.items()):
            for each in values:
                metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=each)
        metrics.flush_metrics()
