"""Reads everything that a report is about from the cluster, and says what could not be read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from nsg_baseline.api.baseline import NSGBaseline
from nsg_baseline.api.common import API_VERSION, Resource
from nsg_baseline.api.guardrail import NSGGuardrail
from nsg_baseline.api.incident import NSGIncident
from nsg_baseline.api.route import NSGAlertRoute
from nsg_baseline.api.scope import NSGScope
from nsg_baseline.api.validation import InvalidObject, read
from nsg_baseline.cli.evidence.provenance import Provenance, provenance
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.errors import KubeError

R = TypeVar("R", bound=Resource)
_DENIED = (401, 403)
_SYSTEM = "kube-system"


@dataclass(frozen=True, slots=True)
class Stored(Generic[R]):
    """An object of the cluster with its provenance."""

    resource: R
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Evidence:
    """The objects of a cluster, or of one namespace, and the gaps: what could not be read, one sentence each."""

    server: str = ""
    cluster_id: str = ""
    namespace: str | None = None
    incidents: tuple[Stored[NSGIncident], ...] = ()
    scopes: tuple[Stored[NSGScope], ...] = ()
    baselines: tuple[Stored[NSGBaseline], ...] = ()
    guardrails: tuple[Stored[NSGGuardrail], ...] = ()
    routes: tuple[Stored[NSGAlertRoute], ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    def namespaces(self) -> list[str]:
        """The namespaces that have an object in this evidence."""
        resources: list[Resource] = [item.resource for item in self.incidents]
        resources += [item.resource for item in self.baselines]
        resources += [item.resource for item in self.routes]
        return sorted({resource.metadata.namespace for resource in resources})


async def gather(kube: Kube, namespace: str | None) -> Evidence:
    """Read all objects, or those of a namespace. Rights to read incidents are enough.

    Raises:
        KubeError: the cluster cannot be reached, or refuses to list incidents.
    """
    reading = _Reading(kube, namespace)
    return Evidence(
        server=kube.server,
        cluster_id=await reading.cluster_id(),
        namespace=namespace,
        incidents=tuple(await reading.listed(NSGIncident)),
        scopes=tuple(await reading.allowed(NSGScope)),
        baselines=tuple(await reading.allowed(NSGBaseline)),
        guardrails=tuple(await reading.allowed(NSGGuardrail)),
        routes=tuple(await reading.allowed(NSGAlertRoute)),
        gaps=tuple(reading.gaps),
    )


@dataclass(slots=True)
class _Reading:
    kube: Kube
    namespace: str | None
    gaps: list[str] = field(default_factory=list)

    async def cluster_id(self) -> str:
        """Return the id that distinguishes clusters: the address of an API server may be the same in all."""
        try:
            return await self.kube.namespace_uid(_SYSTEM)
        except KubeError as error:
            if error.status not in _DENIED:
                raise
            self.gaps.append(f"the id of the cluster: no permission to get Namespace {_SYSTEM}")
            return ""

    async def allowed(self, kind: type[R]) -> list[Stored[R]]:
        """Return the objects of a kind; without the permission to list them, note a gap."""
        try:
            return await self.listed(kind)
        except KubeError as error:
            if error.status not in _DENIED:
                raise
            self.gaps.append(f"all objects of kind {kind.__name__}: no permission to list them")
            return []

    async def listed(self, kind: type[R]) -> list[Stored[R]]:
        place = self.namespace if kind.namespaced else None
        return [stored async for page, _ in self.kube.pages(kind, place) for stored in self._read(kind, page)]

    def _read(self, kind: type[R], page: list[dict[str, Any]]) -> Iterator[Stored[R]]:
        for item in page:
            try:
                resource = read(kind, {**item, "apiVersion": API_VERSION, "kind": kind.__name__})
            except InvalidObject as error:
                name = f"{item['metadata'].get('namespace', '')}/{item['metadata'].get('name')}".lstrip("/")
                self.gaps.append(f"{kind.__name__} {name}: it is invalid: {error}")
            else:
                yield Stored(resource, provenance(item["metadata"]))
