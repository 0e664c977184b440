"""How many leads were taken and refused, as CloudWatch metrics in the embedded format."""

from aws_lambda_powertools.metrics import Metrics, MetricUnit

_NAMES = {"accepted": "LeadsAccepted", "spam": "LeadsSpam", "try-again": "LeadsNotQueued"}


def count_lead(outcome: str) -> None:
    """Write one line: ``LeadsAccepted``, ``LeadsSpam``, ``LeadsNotQueued`` or ``LeadsRefused``.

    Namespace and service come from ``POWERTOOLS_METRICS_NAMESPACE`` and
    ``POWERTOOLS_SERVICE_NAME``. A refused lead's reason is metadata, not a dimension.
    """
    metrics = Metrics()
    metrics.add_metric(name=_NAMES.get(outcome, "LeadsRefused"), unit=MetricUnit.Count, value=1)
    metrics.add_metadata(key="outcome", value=outcome)
    metrics.flush_metrics()
