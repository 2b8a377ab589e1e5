"""Signs requests to a bucket (AWS Signature Version 4) with botocore, which finds credentials as boto3 does.

Bodies stream, so they are not part of the signature; their MD5, which is a signed header, is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session

from transfer_core.errors import ConfigError
from transfer_core.upload.door import Step

UNSIGNED = "UNSIGNED-PAYLOAD"


class _Signature(S3SigV4Auth):  # type: ignore[misc]
    def payload(self, request: Any) -> str:
        return UNSIGNED


def make_signer(region: str, key_id: str, secret: str, profile: str) -> Callable[[Step], dict[str, str]]:
    """What gives a request's headers with its signature. ConfigError without credentials."""
    if key_id:
        credentials = Credentials(key_id, secret)
    else:
        try:
            credentials = Session(profile=profile or None).get_credentials()
        except BotoCoreError as error:
            raise ConfigError(f"no credentials for the bucket: {error}") from error
    if credentials is None:
        hint = "Give --key-id and the secret key as token, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        raise ConfigError("there are no credentials for the bucket", hint=hint)

    def sign(step: Step) -> dict[str, str]:
        request = AWSRequest(step.method, step.url, dict(step.headers))
        _Signature(credentials, "s3", region).add_auth(request)
        return dict(request.headers.items())

    return sign
