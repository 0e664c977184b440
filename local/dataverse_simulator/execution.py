"""A call that is being carried out: what it acts on, and what is found on the way."""

from dataclasses import dataclass, field

from local.dataverse_simulator.accounts import Account
from local.dataverse_simulator.errors import PRIVILEGE_MISSING, forbidden
from local.dataverse_simulator.judgement import Call
from local.dataverse_simulator.organizations import Organization, Vendor
from local.dataverse_simulator.values import moment_text


@dataclass(frozen=True, slots=True)
class Execution:
    """A call that was not refused, under way.

    Parameters
    ----------
    existed
        Whether the lead an address names was there when the request arrived: one that came in
        between wins the race for the key.
    reasons
        Takes what is found against the documents although it is answered.
    """

    vendor: Vendor
    organization: Organization
    user: Account
    call: Call
    existed: bool = True
    reasons: list[str] = field(default_factory=list)

    def require(self, *privileges: str) -> None:
        """Refuse unless the user's role has all of these privileges."""
        for privilege in privileges:
            if privilege not in self.user.privileges:
                message = (
                    f"Principal user (Id={self.user.user_id}, type=8) is missing {privilege} "
                    "privilege on OTC=4 for entity 'lead'."
                )
                raise forbidden(PRIVILEGE_MISSING, message)

    def now_text(self) -> str:
        """Write the present moment as a column keeps it."""
        clock = self.vendor.clock
        return moment_text(clock.told(clock.now()))
