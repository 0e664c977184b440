"""The ledger's gauges as CloudWatch metrics in the embedded format."""

from collections.abc import Mapping

from aws_lambda_powertools.metrics import Metrics, MetricUnit


class EmfSweepMetrics:
    """Adapter of :class:`forecourt.leads.sweep.SweepMetrics`.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``.
    """

    def swept(self, gauges: Mapping[str, float]) -> None:
        """Write one line with all gauges, zeros too, so that an alarm sees them fall."""
        metrics = Metrics()
        for name, value in sorted(gauges.items()):
            unit = MetricUnit.Seconds if name.endswith("Seconds") else MetricUnit.Count
            metrics.add_metric(name=name, unit=unit, value=value)
        metrics.flush_metrics()
