"""Make what is to be sent out of a claim; calls nobody."""

from collections.abc import Callable, Iterator, Sequence

from forecourt.errors import PermanentError, RetryableError
from forecourt.leads.accounts import Account
from forecourt.leads.batch import Batch
from forecourt.leads.calls import Call
from forecourt.leads.ledger import Claim, DeliveryLedger, Report
from forecourt.leads.outcome import Outcome, failed, nothing_to_do
from forecourt.leads.retry import RetryPolicy
from forecourt.leads.sink import LeadSink, Operation, Push


class Preparation:
    """Makes calls out of claims.

    Parameters
    ----------
    interrupted
        Told when the ledger is away; the updates of the batch are then not sent.
    """

    def __init__(
        self,
        ledger: DeliveryLedger,
        sink: LeadSink,
        policy: RetryPolicy,
        interrupted: Callable[[RetryableError], None],
    ) -> None:
        self._ledger = ledger
        self._sink = sink
        self._policy = policy
        self._interrupted = interrupted

    def make_calls(
        self,
        batch: Batch,
        claims: Sequence[tuple[Claim, Account]],
        claimed_at: float,
        made: list[Report],
    ) -> Iterator[Call]:
        """Make calls out of claims, one when it is asked for; `made` gets what needs no call."""
        updates: list[Call] = []
        for claim, account in claims:
            prepared = prepare_push(self._sink, self._policy, claim, account)
            if isinstance(prepared, Outcome):
                made.append(Report(claim=claim, outcome=prepared, account=account))
                continue
            call = Call(claim=claim, push=prepared, account=account, claimed_at=claimed_at)
            if claim.operation is Operation.UPDATE:
                updates.append(call)
            else:
                yield call
        yield from self._remember_what_is_overwritten(batch, updates)

    def _remember_what_is_overwritten(self, batch: Batch, updates: list[Call]) -> list[Call]:
        """Before updates are sent, strike the fields they set off the last confirmed state.

        Whatever the calls come to, the next update then carries those fields again.
        """
        if not updates:
            return []
        fields = {
            call.claim.delivery_id: (call.claim.lease_token, tuple(call.push.fields))
            for call in updates
        }
        try:
            held = self._ledger.forget_fields(fields)
        except RetryableError as error:  # creates are under way, whose outcomes must be recorded
            self._interrupted(error)
            return []
        for call in updates:
            if call.claim.delivery_id not in held:
                batch.settle_lead(call.claim.lead.external_id)
        return [call for call in updates if call.claim.delivery_id in held]


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
