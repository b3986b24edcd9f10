"""A model of one NSG in Azure: its document, its etag, Azure's rules for documents, and the faults of a game."""

import copy
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from nsg_baseline.azure.errors import AzureError
from tests.support.nsgs import nsg
from tests.support.rules import Document

Properties = Mapping[str, Any]


class AzureModel:
    """One NSG, with the interface of a reader and a writer of NSGs.

    Attributes:
        limit: the number of rules that an NSG may have.
        locked: whether a lock refuses the operator's writes. The adversary's own rights are not limited.
        state: the provisioning state.
        races: what happens before the next writes of the operator, one for each write.
        writes: the number of the operator's writes that were accepted.
        conflicts: the number of the operator's writes that met another version.
    """

    def __init__(self, rules: list[Document], limit: int, **properties: Any) -> None:
        self.limit = limit
        self.locked = False
        self.state = "Succeeded"
        self.races: list[Callable[[], None]] = []
        self.writes = 0
        self.conflicts = 0
        self._version = 1
        self._document = nsg(rules, properties=properties)

    @property
    def rules(self) -> list[Document]:
        """The rules, each as its name and properties on one level."""
        return flat(self._document)

    @property
    def document(self) -> Document:
        """The NSG as a response shows it."""
        document = copy.deepcopy(self._document)
        document["etag"] = f'W/"{self._version}"'
        document["properties"]["provisioningState"] = self.state
        return document

    def edit(self, rules: list[Document]) -> None:
        """Replace the rules, as the adversary. A list that Azure would refuse changes nothing."""
        if problem(rules, self.limit) is None:
            self.set(securityRules=nsg(rules)["properties"]["securityRules"])

    def set(self, **properties: Any) -> None:
        """Replace properties of the NSG."""
        self._document["properties"].update(properties)
        self._version += 1

    async def get(self, _: str) -> dict[str, Any] | None:
        """Return the NSG."""
        return self.document

    async def put(self, _: str, document: Mapping[str, Any], etag: str) -> dict[str, Any]:
        """Replace the NSG, as the operator."""
        if self.races:
            self.races.pop(0)()
        if self.locked:
            raise AzureError("ScopeLocked", "a lock prevents the write")
        if etag != self.document["etag"]:
            self.conflicts += 1
            raise AzureError("PreconditionFailed", "the NSG has another version")
        refused = problem(flat(document), self.limit)
        if refused is not None:
            raise AzureError("Invalid", refused)
        self._document = copy.deepcopy(dict(document))
        self._version += 1
        self.writes += 1
        # A PUT of an NSG whose last operation failed settles it.
        self.state = "Succeeded"
        return self.document


def flat(document: Mapping[str, Any]) -> list[Document]:
    """Return the rules of an NSG's document, each on one level."""
    return [{"name": rule["name"], **rule["properties"]} for rule in document["properties"]["securityRules"]]


def problem(rules: list[Document], limit: int) -> str | None:
    """Return why Azure refuses a list of rules; None if it accepts it."""
    names = Counter(rule["name"].lower() for rule in rules)
    slots = Counter((rule["direction"], rule["priority"]) for rule in rules)
    if len(rules) > limit:
        return "too many rules"
    if any(count > 1 for count in names.values()):
        return "two rules with one name"
    if any(count > 1 for count in slots.values()):
        return "SecurityRuleConflict"
    return None if all(100 <= rule["priority"] <= 4096 for rule in rules) else "SecurityRuleInvalidPriority"
