"""What an administrator does about a step of check or setup that failed, by code and step."""

from forecourt.leads.dynamics.reasons import DynamicsReason as Reason

_APPLICATION_USER = (
    "Create an application user for this client id in the environment (Power Platform admin "
    "center: Environments, Settings, Users + permissions, Application users) and give it a "
    "security role with Create, Read and Write on Lead."
)
_ROLE = (
    "Give the application user a security role with Create, Read and Write on Lead (Power "
    "Platform admin center: Application users, Edit security roles)."
)
_CUSTOMIZER = (
    "Give the application user the role System Customizer for as long as the setup takes, or "
    "create it by hand."
)
_ADDRESS = (
    "Compare the environment URL with Settings, Developer resources in Power Apps: "
    "https://org.crm6.dynamics.com without a path; then save it: forecourt dynamics connect."
)
_AWAY = (
    "Check that the environment URL is right and reachable from here (network, NAT, firewall); "
    "if it is, Dynamics is away: check again later."
)
_CONNECTION = (
    "Compare tenant id, client id and client secret (its value, not its id, and not expired) with "
    "the app registration in Entra, then save them: forecourt dynamics connect."
)
_LATER = "Nothing to mend: check again in a few minutes."
_LOOK = "Look at what the detail says; the function's log has more under the correlation id."

_BY_CODE = {
    Reason.TOKEN_DENIED: _CONNECTION,
    Reason.CONNECTION_INVALID: _CONNECTION,
    Reason.TOKEN_REFUSED: _APPLICATION_USER,
    Reason.WRONG_ADDRESS: _ADDRESS,
    Reason.UNREADABLE_ANSWER: _ADDRESS,
    Reason.RATE_LIMITED: _LATER,
    Reason.VENDOR_AWAY_HTTP: _LATER,
    Reason.SERVER_ERROR: _LATER,
    Reason.SQL_BUSY: _LATER,
    **dict.fromkeys(
        ("CONNECT_FAILED", "TIMEOUT", "CONNECTION_CUT", "NO_TIME_LEFT", "ANSWER_TOO_LARGE"), _AWAY
    ),
}
_PRIVILEGE_BY_STEP = {"WhoAmI": _APPLICATION_USER, "setup": _CUSTOMIZER}


def cure_of(code: str, step: str) -> str:
    """Return what to do about an error's code, met in a step."""
    if code == Reason.PRIVILEGE_MISSING:
        return _PRIVILEGE_BY_STEP.get(step, _ROLE)
    return _BY_CODE.get(code, _LOOK)
