"""What the request log and faults call the operations."""

TOKEN = "Token"  # noqa: S105 - a name, not a secret
DISCOVERY = "Discovery"
WHO_AM_I = "WhoAmI"
LIST_LEADS = "ListLeads"
GET_LEAD = "GetLead"
CREATE_LEAD = "CreateLead"
UPSERT_LEAD = "UpsertLead"
"""PATCH without If-Match, which creates what is not there."""
UPDATE_LEAD = "UpdateLead"
"""PATCH with If-Match, which never creates."""
DELETE_LEAD = "DeleteLead"
READ_METADATA = "ReadMetadata"
CREATE_COLUMN = "CreateColumn"
CREATE_KEY = "CreateKey"
READ_PRIVILEGES = "ReadPrivileges"
UNKNOWN = "Unknown"

WRITE_LEAD = "WriteLead"
"""A fault of this operation meets CreateLead, UpsertLead and UpdateLead."""
READ_LEAD = "ReadLead"
"""A fault of this operation meets GetLead and ListLeads."""
DATA = "Data"
"""A fault of this operation meets whatever is no token and no discovery."""

OPERATIONS = (
    *(TOKEN, DISCOVERY, WHO_AM_I, LIST_LEADS, GET_LEAD, CREATE_LEAD, UPSERT_LEAD, UPDATE_LEAD),
    *(DELETE_LEAD, READ_METADATA, CREATE_COLUMN, CREATE_KEY, READ_PRIVILEGES),
)
_GROUPS = {
    **dict.fromkeys((CREATE_LEAD, UPSERT_LEAD, UPDATE_LEAD), WRITE_LEAD),
    **dict.fromkeys((GET_LEAD, LIST_LEADS), READ_LEAD),
}


def names_of(operation: str) -> tuple[str, ...]:
    """Give every name a fault may call an operation by."""
    if operation in (TOKEN, DISCOVERY):
        return (operation,)
    return (operation, DATA, _GROUPS.get(operation, operation))
