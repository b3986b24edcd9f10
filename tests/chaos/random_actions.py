"""Random writers: a rogue user, a co-owner, the authors of baselines, and injected faults. One seed decides."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nsg_emulator.arm import Fault
from nsg_emulator.arm import faults as azure_faults
from nsg_emulator.arm.faults import Drop, FailOperation, OmitFromListing, StickOperation
from nsg_emulator.arm.messages import ArmRequest
from tests.chaos.environment import API, ChaosEnvironment
from tests.chaos.objects import BEGINNING, CAST, FORBIDDEN, OWNED, Actor, baseline, document, live
from tests.support.rule_shorthand import arm_rule

ROGUE = "mallory@example.com"
ORIGIN = "https://localhost"
_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class RandomActions:
    """Random actions of users. `approved` contains the rules in Git."""

    environment: ChaosEnvironment
    rng: random.Random
    approved: dict[str, list[dict[str, Any]]]

    def change_azure(self) -> None:
        """Change something in Azure, as a rogue or as a co-owner."""
        acts: Sequence[Callable[[Actor], None]] = (
            *(self.put_rule,) * 8,
            *(self._delete_rule,) * 4,
            *(self.put_owned,) * 3,
            self._delete_owned,
            self._replace,
            self._delete,
            self._retag,
        )
        self.rng.choice(acts)(self.rng.choice(CAST))

    def approve(self) -> None:
        """Edit a baseline, or what a scope allows."""
        if self.rng.random() < 0.2:
            self._suspend(suspended=self.rng.random() < 0.5)
            return
        actor = self.rng.choice([candidate for candidate in CAST if candidate.namespace is not None])
        rules = [*self.approved[actor.name]]
        if len(rules) > 2 and self.rng.random() < 0.5:
            rules.pop(self.rng.randrange(len(rules)))
        number, source, port = self.rng.randrange(200, 260), "10.0.0.0/8", self._port()
        if self.rng.random() < 0.1:
            # The guardrail forbids it. The rule has to come before the one that denies the rest.
            number, source, port = self.rng.randrange(101, 110), "Internet", FORBIDDEN
        if all(candidate["priority"] != number for candidate in rules):
            rules.append(arm_rule(f"{number} approved-{number} allow tcp {source} -> *:{port}"))
        self.approved[actor.name] = rules
        mode = self.rng.choice(("Enforce", "Enforce", actor.mode))
        spec = {"rules": rules, "mode": mode}
        self.environment.cluster.patch(API, "NSGBaseline", actor.name, {"spec": spec}, actor.namespace or "")

    def inject_fault(self) -> None:
        """Add a fault of Azure or of Kubernetes for the next matching requests."""
        count = self.rng.randint(1, 3)
        if self.rng.random() < 0.3:
            self._break_cluster(count)
            return
        target = self.rng.choice(CAST).id
        made = (
            azure_faults.throttled(retry_after=1, count=count),
            azure_faults.unavailable(status=self.rng.choice((500, 502, 503, 504)), count=count),
            azure_faults.forbidden(count=1),
            azure_faults.unauthorized(count=count),
            azure_faults.busy(count=1),
            azure_faults.broken_listing(after_page=self.rng.randint(0, 2), count=count),
            azure_faults.broken_listing(after_page=1, status=503, count=count),
            azure_faults.scope_locked(target, count=1, method="PUT"),
            Fault(Drop(self.rng.choice(("request", "answer", "body"))), "GET", azure_faults.ARM, count),
            Fault(Drop(self.rng.choice(("request", "answer", "body"))), "PUT", azure_faults.ARM, 1),
            Fault(StickOperation(), "PUT", azure_faults.ARM, 1),
            Fault(FailOperation(), "PUT", azure_faults.ARM, 1),
            Fault(OmitFromListing(target), "GET", azure_faults.LISTING, count),
        )
        self.environment.azure.faults.add(self.rng.choice(made))

    def repair(self) -> None:
        """Remove all faults, resume enforcement, and repeat writes that Azure failed at, as an administrator does."""
        self.environment.clear_faults()
        # A write that is still in progress may fail, and would do so after the repair.
        self.environment.azure.azure.settle(_EVER)
        self._suspend(suspended=False)
        for actor in CAST:
            nsg = self.environment.azure.store.nsgs.get(actor.id.lower())
            if nsg is not None and nsg.state == "Failed":
                rules = [{"name": rule.name, **rule.properties} for rule in nsg.rules]
                self._call("PUT", actor.id, document(actor, rules))
        self.environment.azure.azure.settle(_EVER)

    def _break_cluster(self, count: int) -> None:
        trouble = self.environment.cluster.interference
        methods = self.rng.choice(("GET", "PATCH", "POST", ".*"))
        if self.rng.random() < 0.3:
            trouble.drop(count, methods=methods)
        else:
            trouble.fail(count, code=self.rng.choice((429, 500, 503, 504)), methods=methods, retry_after=1)

    def _suspend(self, *, suspended: bool) -> None:
        self.environment.cluster.patch(API, "NSGScope", "production", {"spec": {"suspendEnforcement": suspended}})

    def put_rule(self, actor: Actor) -> None:
        """Write an existing or a new rule as a rogue."""
        rule_names = [name for name in live(self.environment.azure, actor) or {} if not name.startswith(OWNED)]
        name = self.rng.choice([*rule_names, *(f"rogue-{number}" for number in range(4))])
        source, last, port = self.rng.choice(("Internet", "*", "10.0.0.0/8")), 2000, self._port()
        if self.rng.random() < 0.2:
            # It violates the guardrail where no rule above it denies the traffic.
            last, port = 120, FORBIDDEN
        self._rule(actor, arm_rule(f"{self.rng.randrange(100, last)} {name} allow tcp {source} -> *:{port}"))

    def _delete_rule(self, actor: Actor) -> None:
        rule_names = [name for name in live(self.environment.azure, actor) or {} if not name.startswith(OWNED)]
        if rule_names:
            self._call("DELETE", f"{actor.id}/securityRules/{self.rng.choice(rule_names)}")

    def put_owned(self, actor: Actor) -> None:
        """Write a rule as the co-owner."""
        number = self.rng.randrange(6)
        self._rule(actor, arm_rule(f"{3000 + number} {OWNED}{number} allow tcp 10.1.0.0/16 -> *:{self._port()}"))

    def _delete_owned(self, actor: Actor) -> None:
        self._call("DELETE", f"{actor.id}/securityRules/{OWNED}{self.rng.randrange(6)}")

    def _replace(self, actor: Actor) -> None:
        self._call("PUT", actor.id, document(actor, self.rng.sample(BEGINNING, self.rng.randrange(4))))

    def _delete(self, actor: Actor) -> None:
        if self.rng.random() < 0.5:
            self._call("DELETE", actor.id)

    def _retag(self, actor: Actor) -> None:
        self._call("PATCH", actor.id, {"tags": {"cost": str(self.rng.randrange(9))}})

    def _rule(self, actor: Actor, rule: dict[str, Any]) -> None:
        properties = {key: value for key, value in rule.items() if key != "name"}
        self._call("PUT", f"{actor.id}/securityRules/{rule['name']}", {"properties": properties})

    def _port(self) -> int:
        return self.rng.choice((22, 80, 443, 3389, self.rng.randrange(1, 65535)))

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """Send a request at once. A refusal by Azure is not an error."""
        token = self.environment.azure.user_token(ROGUE)
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.environment.azure.handle(
            ArmRequest(
                method,
                path,
                {"api-version": "2024-05-01"},
                headers,
                json.dumps(body).encode() if body is not None else b"",
                ORIGIN,
            )
        )


def first_approval() -> dict[str, list[dict[str, Any]]]:
    """Return what is approved at first."""
    return {actor.name: list(baseline(actor, BEGINNING)["spec"]["rules"]) for actor in CAST}
