"""Long-running operations: started by a write, and polled by the client."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from nsg_emulator.arm import errors, ids
from nsg_emulator.arm.messages import ArmRequest, ArmResponse
from nsg_emulator.arm.model import Nsg, Operation
from nsg_emulator.arm.store import Store


@dataclass(frozen=True, slots=True)
class Terms:
    """How an operation proceeds: its end, whether it is stuck, its error, and the Retry-After for polls."""

    due: datetime
    stuck: bool = False
    error: Mapping[str, str] | None = None
    retry_after: int | None = 1
    request: str = ""


TermsOf = Callable[[], Terms]
"""Called only after a write was accepted, so that a rejected write does not use up a fault for operations."""


def begin(store: Store, nsg: Nsg, terms: Terms, *, deletes: bool = False) -> Operation:
    """Start an operation on an NSG."""
    return store.start(
        Operation(
            id=store.new_id(),
            target=ids.key(nsg.id),
            location=nsg.location.replace(" ", "").lower(),
            due=terms.due,
            deletes=deletes,
            stuck=terms.stuck,
            error=terms.error,
            request=terms.request,
        )
    )


def at_once(store: Store, nsg: Nsg, terms: Terms) -> Operation:
    """Return an operation that has ended before the response is sent."""
    return store.start(replace(begin(store, nsg, terms), status="Succeeded"))


def headers(
    request: ArmRequest, operation: Operation, retry_after: int | None, *, with_location: bool
) -> dict[str, str]:
    """Return the response headers of a write that describe its operation."""
    subscription = operation.target.split("/")[2]
    base = f"{request.origin}/subscriptions/{subscription}/providers/Microsoft.Network/locations/{operation.location}"
    query = f"{operation.id}?api-version={request.api_version}"
    headers_by_name = {"Azure-AsyncNotification": "Enabled", "Azure-AsyncOperation": f"{base}/operations/{query}"}
    if with_location:
        headers_by_name["Location"] = f"{base}/operationResults/{query}"
    if retry_after is not None:
        headers_by_name["Retry-After"] = str(retry_after)
    return headers_by_name


def status(store: Store, request: ArmRequest, retry_after: int | None) -> ArmResponse:
    """Respond to GET `.../operations/{id}`."""
    operation = _operation(store, request)
    body = {
        "status": operation.status,
        **({"error": dict(operation.error)} if _failed(operation) and operation.error else {}),
    }
    return ArmResponse(200, body, _wait(operation, retry_after))


def result(store: Store, request: ArmRequest, retry_after: int | None) -> ArmResponse:
    """Respond to GET `.../operationResults/{id}`: 202 while it runs, 204 after success, 409 after a failure."""
    operation = _operation(store, request)
    if operation.status == "InProgress":
        return ArmResponse(
            202,
            None,
            {
                **_wait(operation, retry_after),
                "Location": f"{request.origin}{request.path}?api-version={request.api_version}",
            },
        )
    if _failed(operation) and operation.error:
        raise errors.provider(409, operation.error["code"], operation.error["message"])
    return ArmResponse(204)


def _failed(operation: Operation) -> bool:
    return operation.status == "Failed"


def _wait(operation: Operation, retry_after: int | None) -> dict[str, str]:
    return {"Retry-After": str(retry_after)} if operation.status == "InProgress" and retry_after is not None else {}


def _operation(store: Store, request: ArmRequest) -> Operation:
    operation = store.operations.get(request.params["operation"].lower())
    if operation is None:  # Azure's response for an expired operation is `?`
        message = f"The entity with name '{request.params['operation']}' was not found."
        raise errors.provider(404, "NotFound", message)
    return operation
