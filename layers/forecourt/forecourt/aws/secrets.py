"""JSON secrets from AWS Secrets Manager."""

import json
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from forecourt.aws.clients import USUAL, AwsError, Patience, create_client, translate
from forecourt.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class DatabaseLogin(NamedTuple):
    """Who connects to PostgreSQL, and which certificate authorities it is believed for.

    ``authorities`` is PEM text for servers no public authority vouches for (an RDS instance
    without a proxy), None where the public ones do.
    """

    username: str
    password: SecretStr
    authorities: str | None = None


class SecretStore:
    """Reads secrets; each call asks again, so callers decide how long they trust an answer."""

    def __init__(self, patience: Patience = USUAL) -> None:
        self._patience = patience

    @cached_property
    def _client(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = create_client("secretsmanager", self._patience)
        return client

    def read(self, arn: str) -> dict[str, SecretStr]:
        """Return the current version of a secret that is a flat JSON object.

        Raises
        ------
        PermanentError
            ``AWS_REFUSED``: no such secret or no right to it; ``SECRET_MALFORMED``: not a JSON
            object.
        RetryableError
            ``AWS_AWAY``.
        """
        try:
            answer = self._client.get_secret_value(SecretId=arn)
        except AwsError as error:
            raise translate(error, "SecretsManager") from None
        try:
            members = json.loads(answer["SecretString"]).items()
        except (KeyError, ValueError, AttributeError):
            raise _malformed(complaint="is not a JSON object") from None
        return {str(name): SecretStr(str(value)) for name, value in members}

    def database_login(self, arn: str) -> DatabaseLogin:
        """Return ``username``, ``password`` and, if there, ``ca`` of the database secret.

        Errors as :meth:`read`.
        """
        secret = self.read(arn)
        if not {"username", "password"} <= secret.keys():
            raise _malformed(complaint='must hold "username" and "password"')
        authorities = secret.get("ca")
        return DatabaseLogin(
            secret["username"].get_secret_value(),
            secret["password"],
            authorities.get_secret_value() if authorities else None,
        )


def _malformed(*, complaint: str) -> PermanentError:
    return PermanentError(
        code="SECRET_MALFORMED", detail=f"The secret {complaint}.", target="SecretsManager"
    )
