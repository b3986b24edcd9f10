"""Writers whose rules have fixed names, priorities and contents.

Sources: NSGs that Microsoft's own policy has written (NRMS), the code of cluster-api-provider-azure
(`azure/scope/cluster.go`) and of the ARO resource provider (`pkg/cluster/nsg.go`), and Microsoft's documentation of
Entra Domain Services.
"""

from collections.abc import Mapping
from typing import Any

from nsg_baseline.core.presets.shape import written_as
from nsg_baseline.core.rules import Rule

_CREATED = (
    "Created by Azure Core Security managed policy, rule can be deleted but do not change source ips, "
    "please see aka.ms/cainsgpolicy"
)
_KEPT = "DO NOT DELETE - Will result in ICM Sev 2 - Azure Core Security, see aka.ms/cainsgpolicy"

Shape = tuple[int, Mapping[str, Any]]
"""A priority, and the document of a rule without its name and priority."""


def _allow(source: str, port: str, description: str = "", protocol: str = "Tcp") -> dict[str, Any]:
    return {
        "direction": "Inbound",
        "protocol": protocol,
        "sourceAddressPrefix": source,
        "destinationAddressPrefix": "*",
        "destinationPortRange": port,
        "description": description,
    }


def _deny(ports: str, protocol: str = "*") -> dict[str, Any]:
    document = _allow("Internet", "", _KEPT, protocol)
    return {**document, "access": "Deny", "destinationPortRange": None, "destinationPortRanges": ports.split(",")}


_NRMS: dict[str, Shape] = {
    "nrms-rule-101": (101, _allow("VirtualNetwork", "443", _CREATED)),
    "nrms-rule-103": (103, _allow("CorpNetPublic", "*", _CREATED, "*")),
    "nrms-rule-104": (104, _allow("CorpNetSaw", "*", _CREATED, "*")),
    "nrms-rule-105": (105, _deny("1433,1434,3306,4333,5432,6379,7000,7001,7199,9042,9160,9300,16379,26379,27017")),
    "nrms-rule-106": (106, _deny("22,3389", "Tcp")),
    "nrms-rule-107": (107, _deny("23,135,445,5985,5986", "Tcp")),
    "nrms-rule-108": (108, _deny("13,17,19,53,69,111,123,512,514,593,873,1900,5353,11211")),
    "nrms-rule-109": (109, _deny("119,137,138,139,161,162,389,636,2049,2301,2381,3268,5800,5900")),
}
_CLUSTER_API: dict[str, Shape] = {
    "allow_ssh": (2200, _allow("*", "22", "Allow SSH")),
    "allow_apiserver": (2201, _allow("*", "6443", "Allow K8s API Server")),
}
_ARO: dict[str, Shape] = {"apiserver_in": (120, _allow("*", "6443"))}
_DOMAIN_SERVICES: dict[str, Shape] = {
    "allowsyncwithazuread": (101, _allow("AzureActiveDirectoryDomainServices", "443")),
    "allowrd": (201, _allow("CorpNetSaw", "3389")),
    "allowpsremoting": (301, _allow("AzureActiveDirectoryDomainServices", "5986")),
}


def is_nrms(rule: Rule) -> bool:
    """Return whether a rule is as Microsoft's policy writes it in tenants that Microsoft manages."""
    return _is_in(_NRMS, rule)


def is_cluster_api(rule: Rule) -> bool:
    """Return whether a rule is as the Cluster API provider for Azure writes it for the control plane."""
    return _is_in(_CLUSTER_API, rule)


def is_aro(rule: Rule) -> bool:
    """Return whether a rule is as Azure Red Hat OpenShift writes it for its API server."""
    return _is_in(_ARO, rule)


def is_domain_services(rule: Rule) -> bool:
    """Return whether a rule is as Entra Domain Services needs it."""
    return _is_in(_DOMAIN_SERVICES, rule)


def _is_in(shapes: Mapping[str, Shape], rule: Rule) -> bool:
    shape = shapes.get(rule.key)
    return shape is not None and rule.priority == shape[0] and written_as(rule, shape[1])
