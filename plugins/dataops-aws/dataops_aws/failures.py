"""What boto3 raises, as errors of DataOps: each names the thing and says what to do.

AWS's own words are shown except about signatures and credentials, where they quote what was signed.
"""

from __future__ import annotations

from typing import Final

from botocore import exceptions as boto

from dataops_core.errors import ConfigError, DataOpsError, Unreachable

_NO_CREDENTIALS: Final = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.ProfileNotFound,
    boto.ConfigNotFound,
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.MetadataRetrievalError,
)
_CREDENTIALS_REFUSED: Final = {
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "IncompleteSignatureException",
    "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "InvalidToken",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired", "SignatureDoesNotMatch",
    "TokenRefreshRequired", "UnrecognizedClientException",
}  # fmt: skip
_CLOCK: Final = {"RequestExpired", "RequestTimeTooSkewed"}
_FORBIDDEN: Final = {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation"}
_ELSEWHERE: Final = {
    "301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect", "Redirect",
}  # fmt: skip
_BUSY: Final = {
    "LimitExceededException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown", "503",
    "Throttling", "ThrottlingError", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
}  # fmt: skip
_MISSING: Final = {"NoSuchBucket", "ResourceNotFoundException", "TableNotFoundException"}
_LOOK: Final = "check the network, the region and AWS_ENDPOINT_URL, then try again; a repeated commit is recognised"


def code_of(error: boto.ClientError) -> str:
    """Returns AWS's code of an error, e.g. `AccessDenied`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: boto.ClientError) -> int:
    """Returns the HTTP status of an error, or 0."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explained(error: Exception, operation: str, about: str, place: str) -> DataOpsError:
    """Returns what to raise for what boto3 raised.

    Args:
        error: of boto3.
        operation: boto3's name of what was asked.
        about: the table, the blob or the bucket that it was asked of.
        place: the store, as messages call it.
    """
    if isinstance(error, boto.ClientError):
        return _refused(error, operation, about, place)
    if isinstance(error, _NO_CREDENTIALS):
        return ConfigError(
            f"no usable AWS credentials for {place} ({type(error).__name__})",
            hint="set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached",
        )
    if isinstance(error, boto.NoRegionError | boto.InvalidRegionError):
        return ConfigError(f"no usable region for {place}", hint="set AWS_REGION, or name the region in the URL")
    if isinstance(error, boto.ParamValidationError | ValueError) and not isinstance(error, boto.HTTPClientError):
        return ConfigError(f"{place} cannot be used: {one_line(error)}", hint="check the URL and AWS_ENDPOINT_URL")
    return Unreachable(f"{place} does not answer: {one_line(error)}", hint=_LOOK)


def _refused(error: boto.ClientError, operation: str, about: str, place: str) -> DataOpsError:
    code, said = code_of(error), one_line(error.response.get("Error", {}).get("Message", ""))
    if code in _CREDENTIALS_REFUSED:
        return ConfigError(
            f"AWS refuses the credentials for {place} ({code})",
            hint="renew them (aws sso login, or a new key); `aws sts get-caller-identity` says whose they are",
        )
    if code in _CLOCK:
        return ConfigError(f"this machine's clock is wrong, says AWS ({code})", hint="synchronise it, e.g. with chrony")
    if code in _FORBIDDEN:
        return ConfigError(
            f"AWS does not permit {action(operation)} on {about} ({code})",
            hint="the README of dataops-aws has the policy that the role needs",
        )
    if code in _MISSING:
        return ConfigError(
            f"{about} does not exist in {place}", hint="check the region and the name; dataops storage init creates it"
        )
    if code in _ELSEWHERE:
        found = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-bucket-region")
        where = f"lies in {found}" if found else "lies in another region"
        return ConfigError(f"{about} {where}", hint=f"add ?region={found or 'REGION'} to the URL, or set AWS_REGION")
    if code in _BUSY:
        return Unreachable(
            f"{about} is throttled by AWS ({code})", hint="try again; use on-demand capacity, or raise it"
        )
    if code.startswith(("KMS", "Kms")):
        return ConfigError(
            f"the KMS key of {about} cannot be used: {code}", hint="enable the key, and let the role use it"
        )
    if code == "UnknownOperationException":
        return ConfigError(f"{place} does not know {action(operation)}", hint="it is no complete DynamoDB")
    if status_of(error) >= 500 or code in ("InternalServerError", "InternalError", "RequestTimeout"):
        return Unreachable(f"AWS could not do {action(operation)} on {about} ({code})", hint=_LOOK)
    return ConfigError(
        f"AWS refuses {action(operation)} on {about}: {code}: {said}", hint="dataops storage check says more"
    )


def action(operation: str) -> str:
    """Returns the name that AWS gives to an operation of boto3, e.g. `PutItem`."""
    return "".join(word.capitalize() for word in operation.split("_"))


def one_line(error: object) -> str:
    """Returns an error's text on one line, cut to a length that fits."""
    return " ".join(str(error).split())[:300]
