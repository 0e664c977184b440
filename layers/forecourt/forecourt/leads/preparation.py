"""Make what is to be sent out of a claim; calls nobody."""

from forecourt.errors import PermanentError
from forecourt.leads.accounts import Account
from forecourt.leads.ledger import Claim
from forecourt.leads.outcome import Outcome, failed, nothing_to_do
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import LeadSink, Operation, Push


def prepare_push(
    sink: LeadSink, policy: RetryPolicy, claim: Claim, account: Account
) -> Push | Outcome:
    """Say what to send for a claim, or the outcome of one that needs or allows no call."""
    if _is_elsewhere(claim, account):
        problem = _scope_changed()
    else:
        try:
            push = sink.prepare(claim.lead, claim.delivered_fields)
        except PermanentError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - a lead we trip over must not stop the others
            problem = _cannot_prepare(error)
        else:
            idle = push.operation is Operation.UPDATE and not push.fields
            return nothing_to_do(push) if idle else push
    return failed(problem, operation=claim.operation, attempts=claim.attempts, policy=policy)


def _is_elsewhere(claim: Claim, account: Account) -> bool:
    """Tell whether the lead to be updated is in another account than the present one."""
    return (
        claim.operation is Operation.UPDATE
        and claim.remote_scope is not None
        and claim.remote_scope != account.credentials.account_scope
    )


def _cannot_prepare(error: Exception) -> PermanentError:
    return PermanentError(
        code="UNEXPECTED_ERROR",
        detail=f"Preparing the lead ended with {type(error).__name__}; nothing was sent.",
        target="Forecourt",
    )


def _scope_changed() -> PermanentError:
    return PermanentError(
        code="SCOPE_CHANGED",
        detail="The lead is in another EasyCars account than the one the credentials are for now. "
        "Send it again to the new account, or save the former credentials.",
        target="EasyCars",
    )
