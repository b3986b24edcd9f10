"""The errors of ARM, one function for each.

Messages without a mark come from recorded traffic or public reports; `?` marks unverified wording. Errors come from two
layers: the gateway (no `details`, header `x-ms-failure-cause: gateway`) and the network provider (always `details`).
"""

from collections.abc import Mapping
from typing import Any

FAILURE_CAUSE = "x-ms-failure-cause"
NOT_EMULATED = "NotEmulated"
MORE = "For more details please go to https://aka.ms/ARMResourceNotFoundFix"


class ArmError(Exception):
    """An error that is sent to the client as the HTTP response."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        cause: str = "",
        details: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Create an error.

        Args:
            status: HTTP status.
            code: The error code of ARM.
            message: The message of ARM.
            cause: Value of `x-ms-failure-cause`; a gateway error has no `details`.
            details: Inner errors of the network provider.
            headers: Further headers.
        """
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self._cause = cause
        self._details = details or []
        self._headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the body of the response."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self._cause != "gateway":
            error["details"] = self._details
        return {"error": error}

    def headers(self) -> dict[str, str]:
        """Return the headers of the response."""
        return {**self._headers, **({FAILURE_CAUSE: self._cause} if self._cause else {})}


def gateway(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> ArmError:
    """Return an error of the ARM gateway."""
    return ArmError(status, code, message, cause="gateway", headers=headers)


def provider(status: int, code: str, message: str) -> ArmError:
    """Return an error of the network provider."""
    return ArmError(status, code, message)


# --- the gateway ----------------------------------------------------------------------------------------------------


def resource_not_found(group: str, name: str) -> ArmError:
    """404: the NSG does not exist in an existing resource group."""
    resource = f"Microsoft.Network/networkSecurityGroups/{name}"
    return gateway(
        404, "ResourceNotFound", f"The Resource '{resource}' under resource group '{group}' was not found. {MORE}"
    )


def group_not_found(group: str) -> ArmError:
    """404: the resource group does not exist."""
    return gateway(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def subscription_not_found(subscription: str) -> ArmError:
    """404: the subscription does not exist."""
    return gateway(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")


def not_emulated(method: str, path: str) -> ArmError:
    """501: the path is not emulated. A 404 would mean that the resource does not exist."""
    return gateway(501, NOT_EMULATED, f"The emulator does not implement {method} {path}.")


def method_not_allowed(method: str, path: str) -> ArmError:
    """405: the path does not support the method (wording `?`)."""
    return gateway(405, "HttpMethodNotSupported", f"The HTTP method '{method}' is not supported at scope '{path}'.")


def api_version_missing() -> ArmError:
    """400: the api-version is missing."""
    message = "The api-version query parameter (?api-version=) is required for all requests."
    return gateway(400, "MissingApiVersionParameter", message)


def api_version_invalid(version: str) -> ArmError:
    """400: the api-version is not valid (Azure's list of supported versions is omitted)."""
    message = f"The api-version '{version}' is invalid. The api-version must be a date, such as '2025-05-01'."
    return gateway(400, "InvalidApiVersionParameter", message)


def invalid_content(reason: str) -> ArmError:
    """400: the body cannot be parsed."""
    message = f"The request content was invalid and could not be deserialized: '{reason}'."
    return gateway(400, "InvalidRequestContent", message)


def location_required() -> ArmError:
    """400: the location of a resource is missing."""
    return gateway(400, "LocationRequired", "The location property is required for this definition.")


def location_changed(name: str, group: str, location: str, new_location: str) -> ArmError:
    """409: a PUT cannot move a resource to another region."""
    message = (
        f"The resource '{name}' already exists in location '{location}' in resource group '{group}'. "
        f"A resource with the same name cannot be created in location '{new_location}'. "
        "Please select a new resource name."
    )
    return gateway(409, "InvalidResourceLocation", message)


def unauthenticated(code: str, message: str, origin: str, tenant: str) -> ArmError:
    """401 with a challenge that names the token authority."""
    challenge = f'Bearer authorization_uri="{origin}/{tenant}", error="invalid_token", error_description="{message}"'
    return gateway(401, code, message, {"WWW-Authenticate": challenge})


# --- the network provider -------------------------------------------------------------------------------------------


def rule_not_found(rule_id: str) -> ArmError:
    """404: the rule does not exist in an existing NSG."""
    return provider(404, "NotFound", f"Resource {rule_id} not found.")


def etag_mismatch(if_match: str, etag: str, resource_id: str) -> ArmError:
    """412: If-Match names another version. `etag` is empty if the resource does not exist (`?` for that case)."""
    versions = f"Etag provided in if-match header {if_match} does not match etag {etag or 'null'}"
    message = f"{versions} of resource {resource_id} in NRP data store."
    details = [{"code": "PreconditionFailedEtagMismatch", "message": message}]
    return ArmError(412, "PreconditionFailed", "Precondition failed.", details=details)


def already_exists(resource_id: str) -> ArmError:
    """412: If-None-Match is * and the resource exists (wording `?`)."""
    message = f"Resource {resource_id} already exists, but the if-none-match header requires that it does not."
    details = [{"code": "PreconditionFailedResourceExists", "message": message}]
    return ArmError(412, "PreconditionFailed", "Precondition failed.", details=details)


def nsg_in_use(resource_id: str, users: list[str]) -> ArmError:
    """400: an NSG with associations cannot be deleted."""
    message = (
        f"Network security group {resource_id} cannot be deleted because it is in use by the following resources: "
        f"{', '.join(users)}. In order to delete the Network security group, remove the association with the "
        "resource(s)."
    )
    return provider(400, "InUseNetworkSecurityGroupCannotBeDeleted", message)


def another_operation(resource_id: str, seconds: int = 11) -> ArmError:
    """429 of the network provider, as recorded."""
    cause = f"Operation PutNetworkSecurityGroupOperation is updating resource {resource_id}."
    message = f"{cause} The call can be retried in {seconds} seconds."
    details = [{"code": "RetryableErrorDueToAnotherOperation", "message": message}]
    headers = {"Retry-After": str(seconds)}
    return ArmError(
        429, "RetryableError", "A retryable error occurred.", cause="service", details=details, headers=headers
    )
