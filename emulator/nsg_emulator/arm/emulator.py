"""The emulator: a request in, an answer out; no socket, no waiting."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nsg_emulator.arm import errors, permissions, routes, tokens
from nsg_emulator.arm import state as states
from nsg_emulator.arm.activity import change_of
from nsg_emulator.arm.calls import Call, Reply, error_reply
from nsg_emulator.arm.errors import ArmError
from nsg_emulator.arm.faults import Answer, Delay, Drop, DropListing, DropPoint, FailListing, Faults
from nsg_emulator.arm.model import Nsg
from nsg_emulator.arm.requests import DROPPED, RequestLog, RequestRecord
from nsg_emulator.arm.routes import Handler, Route
from nsg_emulator.arm.settings import DEFAULT_SUBSCRIPTION, Settings
from nsg_emulator.arm.store import Store
from nsg_emulator.arm.world import World, utc_now

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
    """What the server has to do: wait, answer, or drop the connection at some point."""

    reply: Reply
    delay: float = 0.0
    drop: DropPoint | None = None


class ArmEmulator:
    """Azure Resource Manager, as far as network security groups need it."""

    def __init__(
        self,
        *,
        settings: Settings | None = None,
        subscription: str = DEFAULT_SUBSCRIPTION,
        state: Any = None,
        clock: Callable[[], datetime] = utc_now,
        new_id: Callable[[], str] | None = None,
    ) -> None:
        """Make one.

        Args:
            settings: How it behaves.
            subscription: Id of a subscription that exists from the start; `""` for none.
            state: What `load` takes.
            clock: Tells the time.
            new_id: Makes GUIDs.
        """
        self.world = World(settings or Settings(), Store(new_id) if new_id else Store(), clock)
        if subscription:
            states.add_subscription(self.world.store, subscription)
        if state is not None:
            self.load(state)

    # --- for tests and the demo, in process ---

    @property
    def store(self) -> Store:
        """The state."""
        return self.world.store

    @property
    def faults(self) -> Faults:
        """The faults in force."""
        return self.world.faults

    @property
    def requests(self) -> RequestLog:
        """The log of requests."""
        return self.world.requests

    @property
    def settings(self) -> Settings:
        """How it behaves."""
        return self.world.settings

    def configure(self, **changes: Any) -> None:
        """Change settings by name, as `Settings` has them."""
        self.world.apply(replace(self.world.settings, **changes))

    def load(self, document: Any) -> None:
        """Add a state: a list of NSG documents, or `{subscriptions, resourceGroups, nsgs}`.

        Raises:
            StateError: An entry lacks what it needs.
        """
        states.load(self.store, document)

    def dump(self) -> dict[str, Any]:
        """The whole state as JSON, operations that are due ended."""
        self.world.settle()
        return states.dump(self.store)

    def add_nsg(self, document: Mapping[str, Any]) -> Nsg:
        """Add or replace one NSG as ARM shows it, unvalidated and with no trace in the Activity Log."""
        return states.add_nsg(self.store, document)

    def release_operations(self) -> list[str]:
        """Let all stuck operations go on; answers with their ids."""
        stuck = [operation.id for operation in self.store.pending() if operation.stuck]
        for operation_id in stuck:
            self.store.release(operation_id)
        self.world.settle()
        return stuck

    def user_token(self, upn: str, *, ip: str = "") -> str:
        """A bearer token of a user."""
        return self._token(tokens.user_claims(self.settings.tenant, upn, ip=ip))

    def app_token(self, client_id: str) -> str:
        """A bearer token of a service principal or managed identity."""
        return self._token(tokens.app_claims(self.settings.tenant, client_id))

    def _token(self, claims: Mapping[str, Any]) -> str:
        return tokens.mint(claims, tenant=self.settings.tenant, audience=tokens.ARM_AUDIENCE, now=self.world.clock())

    # --- requests ---

    def handle(self, call: Call) -> Outcome:
        """Answer a request, faults considered, and note it."""
        request_id = self.store.new_id()
        correlation = call.headers.get("x-ms-correlation-request-id") or request_id
        call = replace(call, id=request_id, correlation=correlation)
        self.world.settle()
        delay = self.faults.strike(call, Delay)
        drop = self._drop(call)
        call, reply = (call, Reply(0)) if drop == "request" else self._answered(call)
        self._note(call, DROPPED if drop in {"request", "answer"} else reply.status)
        return Outcome(self._with_headers(call, reply), delay.seconds if delay else 0.0, drop)

    def _drop(self, call: Call) -> DropPoint | None:
        drop = self.faults.strike(call, Drop)
        if drop is not None:
            return drop.at
        broken = self.faults.strike(call, DropListing)
        return "answer" if broken else None

    def _answered(self, call: Call) -> tuple[Call, Reply]:
        try:
            route, handler, params = routes.find(call.method, call.path)
            call = replace(call, params=params)
            if not route.open:
                call = self._authenticated(call)
                if route.action(call.method):
                    permissions.check(self.settings, call, route.action(call.method))
            refusal = self._refusal(call)
            return call, refusal or self._handled(route, handler, call)
        except ArmError as error:
            return call, error_reply(error)

    def _authenticated(self, call: Call) -> Call:
        authorization = call.headers.get("authorization", "")
        now = self.world.clock()
        principal = tokens.read(authorization, origin=call.origin, tenant=self.settings.tenant, now=now)
        if not call.api_version:
            raise errors.api_version_missing()
        if not _VERSION.match(call.api_version):
            raise errors.api_version_invalid(call.api_version)
        return replace(call, principal=principal)

    def _refusal(self, call: Call) -> Reply | None:
        ordered = self.faults.strike(call, Answer) or self.faults.strike(call, FailListing)
        return ordered.reply() if ordered else None

    def _handled(self, route: Route, handler: Handler, call: Call) -> Reply:
        operation = (route.changes or {}).get(call.method)
        if operation is None:
            return handler(self.world, call)
        return self._logged(operation, handler, call)

    def _logged(self, operation: str, handler: Handler, call: Call) -> Reply:
        """Run a change between its two rows of the Activity Log; an operation writes the second when it ends."""
        log, now, new_id = self.world.activity, self.world.clock(), self.store.new_id
        log.begin(call.id, change_of(call, operation, call.path.rstrip("/")), now, new_id())
        try:
            reply = handler(self.world, call)
        except ArmError as error:
            log.end(call.id, now, new_id(), error.status, error.message)
            raise
        if not any(pending.request == call.id for pending in self.store.pending()):
            log.end(call.id, now, new_id(), reply.status)
        return reply

    def _note(self, call: Call, status: int) -> None:
        headers = call.headers
        query = "&".join(f"{name}={value}" for name, value in call.query.items())
        self.requests.add(
            RequestRecord(
                at=self.world.clock(),
                method=call.method,
                path=call.path,
                query=query,
                status=status,
                etag=headers.get("if-match", ""),
                user_agent=headers.get("user-agent", ""),
                caller=call.principal.label,
            )
        )

    def _with_headers(self, call: Call, reply: Reply) -> Reply:
        own = {
            "x-ms-request-id": call.id,
            "x-ms-correlation-request-id": call.correlation,
            "x-ms-routing-request-id": f"EMULATOR:{self.world.clock():%Y%m%dT%H%M%SZ}:{call.id}",
        }
        if reply.headers.get(errors.FAILURE_CAUSE) != "gateway":  # which counts only what it lets through (recorded)
            kind, limit = _LIMITS.get(call.method, _WRITES)
            own[f"x-ms-ratelimit-remaining-subscription-global-{kind}"] = str(limit)
        if "x-ms-client-request-id" in call.headers:
            own["x-ms-client-request-id"] = call.headers["x-ms-client-request-id"]
        return replace(reply, headers={**_CONSTANT, **own, **reply.headers})
