"""How many leads were taken and refused, as CloudWatch metrics in the embedded format."""

from aws_lambda_powertools.metrics import Metrics, MetricUnit, single_metric

_NAMES = {"accepted": "LeadsAccepted", "spam": "LeadsSpam", "try-again": "LeadsNotQueued"}


class EmfIntakeMetrics:
    """Writes ``LeadsAccepted``, ``LeadsSpam``, ``LeadsNotQueued`` and ``LeadsRefused``.

    A refusal is also ``LeadsRefusedByReason`` with the dimension ``reason``, one of about a dozen
    names of problems.

    Parameters
    ----------
    namespace, service
        As the alarms in ``template.yaml`` name them.
    """

    def __init__(self, *, namespace: str, service: str) -> None:
        self._namespace = namespace
        self._service = service
        self._metrics = Metrics(namespace=namespace, service=service)

    def count(self, outcome: str) -> None:
        """Count one answer by its outcome."""
        name = _NAMES.get(outcome, "LeadsRefused")
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
        self._metrics.add_metadata(key="outcome", value=outcome)
        self._metrics.flush_metrics()
        if outcome not in _NAMES:
            with single_metric(
                name="LeadsRefusedByReason",
                unit=MetricUnit.Count,
                value=1,
                namespace=self._namespace,
                default_dimensions={"service": self._service},
            ) as metric:
                metric.add_dimension(name="reason", value=outcome)
