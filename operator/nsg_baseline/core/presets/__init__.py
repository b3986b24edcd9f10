"""Presets: writers whose rules the operator recognises by name, by content and, if there is one, by checksum.

Anyone can use a name. A rule with the name of a writer and other content was edited or forged, and has no co-owner.
A rule with the right content may be forged as well: a checksum of public data does not prove who wrote it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nsg_baseline.api.baseline import Preset
from nsg_baseline.core.presets.aks import is_aks
from nsg_baseline.core.presets.databricks import is_databricks
from nsg_baseline.core.presets.fixed import is_aro, is_cluster_api, is_domain_services, is_nrms
from nsg_baseline.core.presets.jit import is_jit
from nsg_baseline.core.presets.older_aks import is_older_aks
from nsg_baseline.core.presets.sqlmi import is_sqlmi
from nsg_baseline.core.rules import Rule

PRESETS: Mapping[Preset, Callable[[Rule], bool]] = MappingProxyType(
    {
        "AKS": lambda rule: is_aks(rule) or is_older_aks(rule),
        "ARO": is_aro,
        "ClusterAPI": is_cluster_api,
        "DefenderJIT": is_jit,
        "Databricks": is_databricks,
        "EntraDomainServices": is_domain_services,
        "NRMS": is_nrms,
        "SQLManagedInstance": is_sqlmi,
    }
)
