"""The address of a lead's page in Dynamics (Dataverse reference, 1.10)."""

from urllib.parse import urlencode
from uuid import UUID


def lead_url(environment_url: str, remote_id: UUID, app_id: str | None = None) -> str:
    """Address the page of a lead, in a model-driven app where one is named.

    Examples
    --------
    >>> lead_url("https://org.crm6.dynamics.com", UUID(int=7))
    'https://org.crm6.dynamics.com/main.aspx?pagetype=entityrecord&etn=lead&id=00000000-0000-0000-0000-000000000007'
    """
    query = {"pagetype": "entityrecord", "etn": "lead", "id": str(remote_id)}
    if app_id:
        query["appid"] = app_id
    return f"{environment_url.rstrip('/')}/main.aspx?{urlencode(query)}"
