"""``forecourt token``: a token that the admin routes of the stack on this machine accept."""

from pathlib import Path
from typing import Annotated

import typer

from local.commands.output import DataOption, JsonOption, StackOption, print_json
from local.commands.target import StackTarget
from local.data_folder import DataFolder
from local.failures import StackError
from local.issuer import LocalIssuer


def token(
    *,
    dealership: Annotated[
        int | None, typer.Option(min=1, help="Speak for the owner of this dealership.")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Speak for an administrator.")] = False,
    data: DataOption = None,
    stack: StackOption = None,
    json_: JsonOption = False,
) -> None:
    """Print a token for /api/admin, good for eight hours; an administrator's when not told.

    Example: curl -H "Authorization: Bearer $(forecourt token)" http://127.0.0.1:3000/api/admin/leads
    """
    if dealership is not None and admin:
        message = "--dealership and --admin exclude each other."
        raise StackError(message, cure="Give one of them.", exit_code=2)
    if stack:
        message = "Tokens of a deployed stack come from its sign-in page only."
        raise StackError(message, cure="Leave --stack out for the stack on this machine.")
    state = StackTarget.find(data, None).state or {}
    issuer = LocalIssuer(DataFolder(Path(state["data"])), state["issuer_url"])
    minted = issuer.mint(dealership_id=dealership)
    if json_:
        print_json({"token": minted})
    else:
        typer.echo(minted)
