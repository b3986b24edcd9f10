"""Acknowledgements of pagers on the real kube-apiserver: what the patch replaces, and when it is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.alerts.ports import OutboxError
from nsg_baseline.api.crds import KINDS
from nsg_baseline.api.incident import Acknowledged, NSGIncident
from nsg_baseline.engine.outbox import KubeOutbox
from nsg_baseline.kube.client import Kube
from nsg_baseline.kube.records import Records
from nsg_baseline.kube.store import Store
from nsg_baseline.kube.sync import sync
from tests.api.objects import good
from tests.cluster.devcluster import Cluster
from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster
CRDS = Path(__file__).parents[2] / "crds"
NAME = "web-1"


@pytest.fixture
def incidents(kubectl: Program, namespace: str) -> Iterator[str]:
    """Create an incident whose acknowledgement has ended, in a separate namespace."""
    kubectl("apply", "--server-side", "-f", CRDS)
    kubectl("wait", "--for=condition=Established", "-f", CRDS, "--timeout=120s")
    document: dict[str, Any] = good("NSGIncident", NAME)
    document["metadata"]["namespace"] = namespace
    document["spec"]["acknowledged"] = {"by": "al", "note": "short", "until": "2026-01-01T00:00:00Z"}
    kubectl.apply(document)
    yield namespace
    kubectl("delete", "-f", CRDS, "--timeout=300s")


async def test_an_acknowledgement_replaces_the_whole_of_an_earlier_one_but_no_later_one(
    cluster: Cluster, kubectl: Program, incidents: str
) -> None:
    def acknowledged() -> object:
        return kubectl.json("get", "nsgincident", NAME, "-n", incidents)["spec"]["acknowledged"]

    kube, store = await Kube.connect(str(cluster.kubeconfig)), Store(KINDS)
    try:
        outbox = KubeOutbox(kube, Records(kube, store))
        await sync(kube, store, [NSGIncident])
        (incident,) = outbox.incidents(incidents)
        await outbox.acknowledge(incident, Acknowledged(by="Jo", note="in PagerDuty", revision=3))
        # A merge patch keeps the fields that it does not name: `until` would have ended it at once.
        assert acknowledged() == {"by": "Jo", "note": "in PagerDuty", "revision": 3}
        # The store still has the earlier version: somebody else may have written meanwhile.
        with pytest.raises(OutboxError):
            await outbox.acknowledge(incident, Acknowledged(by="Bo", revision=1))
        assert acknowledged() == {"by": "Jo", "note": "in PagerDuty", "revision": 3}
    finally:
        await kube.aclose()
