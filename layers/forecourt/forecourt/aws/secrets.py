"""JSON secrets from AWS Secrets Manager."""

import json
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pydantic import SecretStr

from forecourt.aws.clients import AwsError, create_client, translate
from forecourt.errors import PermanentError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class DatabaseLogin(NamedTuple):
    """Who connects to PostgreSQL."""

    username: str
    password: SecretStr


class SecretStore:
    """Reads secrets; each call asks again, so callers decide how long they trust an answer."""

    @cached_property
    def _client(self) -> "SecretsManagerClient":
        client: SecretsManagerClient = create_client("secretsmanager")
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
        """Return ``username`` and ``password`` of the database secret; errors as :meth:`read`."""
        secret = self.read(arn)
        if not {"username", "password"} <= secret.keys():
            raise _malformed(complaint='must hold "username" and "password"')
        return DatabaseLogin(secret["username"].get_secret_value(), secret["password"])


def _malformed(*, complaint: str) -> PermanentError:
    return PermanentError(
        code="SECRET_MALFORMED", detail=f"The secret {complaint}.", target="SecretsManager"
    )
