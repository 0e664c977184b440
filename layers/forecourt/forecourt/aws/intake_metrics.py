"""How many leads were taken and refused, as CloudWatch metrics in the embedded format."""

from aws_lambda_powertools.metrics import Metrics, MetricUnit

_NAMES = {"accepted": "LeadsAccepted", "spam": "LeadsSpam", "try-again": "LeadsNotQueued"}


class EmfIntakeMetrics:
    """Writes ``LeadsAccepted``, ``LeadsSpam``, ``LeadsNotQueued`` and ``LeadsRefused``.

    Parameters
    ----------
    namespace, service
        As the alarms in ``template.yaml`` name them.
    """

    def __init__(self, *, namespace: str, service: str) -> None:
        self._metrics = Metrics(namespace=namespace, service=service)

    def count(self, outcome: str) -> None:
        """Write one line; a refused lead's reason is metadata, not a dimension."""
        name = _NAMES.get(outcome, "LeadsRefused")
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
        self._metrics.add_metadata(key="outcome", value=outcome)
        self._metrics.flush_metrics()
