"""The emulator: turns a request into a response, without sockets and without waiting."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nsg_emulator.arm import errors, permissions, routes, tokens
from nsg_emulator.arm import state as states
from nsg_emulator.arm.activity import change_of
from nsg_emulator.arm.emulated_azure import EmulatedAzure, utc_now
from nsg_emulator.arm.errors import ArmError
from nsg_emulator.arm.events import EventSource
from nsg_emulator.arm.faults import Answer, Delay, Drop, DropListing, DropPoint, FailListing, Faults
from nsg_emulator.arm.messages import ArmRequest, ArmResponse, error_response
from nsg_emulator.arm.model import Nsg
from nsg_emulator.arm.requests import DROPPED, RequestLog, RequestRecord
from nsg_emulator.arm.routes import Handler, Route
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION, Settings
from nsg_emulator.arm.store import Store

_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(-preview)?$")
_LIMITS = {"GET": ("reads", 16499), "HEAD": ("reads", 16499), "DELETE": ("deletes", 11999)}
_WRITES = ("writes", 11999)
_CONSTANT = {
    "Cache-Control": "no-cache",
    "Pragma": "no-cache",
    "Expires": "-1",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the server does with a request: wait, respond, or drop the connection at a given point."""

    response: ArmResponse
    delay: float = 0.0
    drop: DropPoint | None = None


class ArmEmulator:
    """The part of Azure Resource Manager that network security groups need."""

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        subscription: str = DEFAULT_SUBSCRIPTION,
        state: Any = None,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        """Create an emulator.

        Args:
            settings: The behaviour of the emulator.
            subscription: Id of a subscription that exists from the start; `""` for none.
            state: The initial state, as for `load`.
            clock: Returns the current time.
            new_id: Generates GUIDs.
        """
        self.azure = EmulatedAzure(settings or Settings(), Store(new_id) if new_id else Store(), clock)
        if subscription:
            states.add_subscription(self.azure.store, subscription)
        if state is not None:
            self.load(state)

    # --- access for tests and the demo in the same process ---

    @property
    def store(self) -> Store:
        """The state."""
        return self.azure.store

    @property
    def faults(self) -> Faults:
        """The active faults."""
        return self.azure.faults

    @property
    def requests(self) -> RequestLog:
        """The log of requests."""
        return self.azure.requests

    @property
    def events(self) -> EventSource:
        """The events of all changes that succeeded."""
        return self.azure.events

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.azure.settings

    def configure(self, **changes: Any) -> None:
        """Change settings by their names in `Settings`.

        Raises:
            TypeError: A setting does not exist.
            ValueError: A value is not valid.
        """
        self.azure.apply(replace(self.azure.settings, **changes))

    def load(self, document: Any) -> None:
        """Add a state: a list of NSG documents, or `{subscriptions, resourceGroups, nsgs}`.

        Raises:
            StateError: An entry is invalid or incomplete.
        """
        states.load(self.store, document)

    def dump(self) -> dict[str, Any]:
        """Return the whole state as JSON, after ending the operations that are due."""
        self.azure.settle()
        return states.dump(self.store)

    def add_nsg(self, document: Mapping[str, Any]) -> Nsg:
        """Add or replace one NSG in ARM's format, without validation and without a row in the Activity Log."""
        return states.add_nsg(self.store, document)

    def release_operations(self) -> list[str]:
        """Release all stuck operations and return their ids."""
        stuck = [operation.id for operation in self.store.pending() if operation.stuck]
        for operation_id in stuck:
            self.store.release(operation_id)
        self.azure.settle()
        return stuck

    def record_change(self, operation: str, resource_id: str, *, token: str = "") -> None:
        """Add the rows and the event of a change to a resource that is not emulated, such as a subnet.

        Args:
            operation: The operation, such as `Microsoft.Network/virtualNetworks/subnets/write`.
            resource_id: The id of the changed resource.
            token: The token of the caller; by default that of an application.
        """
        authorization = f"Bearer {token or self.app_token(self.settings.tenant)}"
        origin, now, new_id = "https://management.azure.com", self.azure.clock(), self.store.new_id
        caller = tokens.read(authorization, origin=origin, tenant=self.settings.tenant, now=now)
        method, request_id = "DELETE" if operation.endswith("/delete") else "PUT", new_id()
        request = ArmRequest(method, resource_id, origin=origin, principal=caller, id=request_id, correlation=new_id())
        self.azure.activity.begin(request_id, change_of(request, operation, resource_id), now, new_id())
        self.azure.activity.end(request_id, now, new_id(), 200)

    def user_token(self, upn: str, *, ip: str = "") -> str:
        """Return a bearer token of a user."""
        return self._token(tokens.user_claims(self.settings.tenant, upn, ip=ip))

    def app_token(self, client_id: str) -> str:
        """Return a bearer token of a service principal or managed identity."""
        return self._token(tokens.app_claims(self.settings.tenant, client_id))

    def _token(self, claims: Mapping[str, Any]) -> str:
        return tokens.mint(claims, tenant=self.settings.tenant, audience=tokens.ARM_AUDIENCE, now=self.azure.clock())

    # --- requests ---

    def handle(self, request: ArmRequest) -> Outcome:
        """Respond to a request, apply the faults, and add the request to the log."""
        request_id = self.store.new_id()
        correlation = request.headers.get("x-ms-correlation-request-id") or request_id
        request = replace(request, id=request_id, correlation=correlation)
        self.azure.settle()
        delay = self.faults.strike(request, Delay)
        drop = self._drop(request)
        request, response = (request, ArmResponse(0)) if drop == "request" else self._answered(request)
        self._note(request, DROPPED if drop in {"request", "answer"} else response.status)
        self.azure.settle()  # an operation without a delay ends now, and not at the next request
        return Outcome(self._with_headers(request, response), delay.seconds if delay else 0.0, drop)

    def _drop(self, request: ArmRequest) -> DropPoint | None:
        drop = self.faults.strike(request, Drop)
        if drop is not None:
            return drop.at
        broken = self.faults.strike(request, DropListing)
        return "answer" if broken else None

    def _answered(self, request: ArmRequest) -> tuple[ArmRequest, ArmResponse]:
        try:
            route, handler, params = routes.find(request.method, request.path)
            request = replace(request, params=params)
            if not route.open:
                request = self._authenticated(request)
                if route.action(request.method):
                    permissions.check(self.settings, request, route.action(request.method))
            refusal = self._refusal(request)
            return request, refusal or self._handled(route, handler, request)
        except ArmError as error:
            if error.code == errors.NOT_EMULATED:
                self.requests.not_emulated[f"{request.method} {request.path}"] += 1
            return request, error_response(error)

    def _authenticated(self, request: ArmRequest) -> ArmRequest:
        authorization = request.headers.get("authorization", "")
        now = self.azure.clock()
        principal = tokens.read(authorization, origin=request.origin, tenant=self.settings.tenant, now=now)
        if not request.api_version:
            raise errors.api_version_missing()
        if not _VERSION.match(request.api_version):
            raise errors.api_version_invalid(request.api_version)
        return replace(request, principal=principal)

    def _refusal(self, request: ArmRequest) -> ArmResponse | None:
        ordered = self.faults.strike(request, Answer) or self.faults.strike(request, FailListing)
        return ordered.response() if ordered else None

    def _handled(self, route: Route, handler: Handler, request: ArmRequest) -> ArmResponse:
        operation = (route.changes or {}).get(request.method)
        if operation is None:
            return handler(self.azure, request)
        return self._logged(operation, handler, request)

    def _logged(self, operation: str, handler: Handler, request: ArmRequest) -> ArmResponse:
        """Make a change and add its two Activity Log rows. The end of an operation adds the second row."""
        log, now, new_id = self.azure.activity, self.azure.clock(), self.store.new_id
        log.begin(request.id, change_of(request, operation, request.path.rstrip("/")), now, new_id())
        try:
            response = handler(self.azure, request)
        except ArmError as error:
            log.end(request.id, now, new_id(), error.status, error.message)
            raise
        if any(pending.request == request.id for pending in self.store.pending()):
            log.accept(request.id, response.status)
        else:
            log.end(request.id, now, new_id(), response.status)
        return response

    def _note(self, request: ArmRequest, status: int) -> None:
        headers = request.headers
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        self.requests.add(
            RequestRecord(
                at=self.azure.clock(),
                method=request.method,
                path=request.path,
                query=query,
                status=status,
                etag=headers.get("if-match", ""),
                user_agent=headers.get("user-agent", ""),
                caller=request.principal.label,
            )
        )

    def _with_headers(self, request: ArmRequest, response: ArmResponse) -> ArmResponse:
        own = {
            "x-ms-request-id": request.id,
            "x-ms-correlation-request-id": request.correlation,
            "x-ms-routing-request-id": f"EMULATOR:{self.azure.clock():%Y%m%dT%H%M%SZ}:{request.id}",
        }
        if (
            response.headers.get(errors.FAILURE_CAUSE) != "gateway"
        ):  # the gateway counts only requests that it accepts (recorded)
            kind, limit = _LIMITS.get(request.method, _WRITES)
            own[f"x-ms-ratelimit-remaining-subscription-global-{kind}"] = str(limit)
        if "x-ms-client-request-id" in request.headers:
            own["x-ms-client-request-id"] = request.headers["x-ms-client-request-id"]
        return replace(response, headers={**_CONSTANT, **own, **response.headers})
