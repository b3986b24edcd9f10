"""Presets: writers whose rules the operator recognises by name, by content and, if there is one, by checksum.

Anyone can use a name. A rule with the name of a writer and other content was edited or forged, and has no co-owner.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from nsg_baseline.api.baseline import Preset
from nsg_baseline.core.presets.aks import is_aks
from nsg_baseline.core.presets.databricks import is_databricks
from nsg_baseline.core.presets.jit import is_jit
from nsg_baseline.core.presets.sqlmi import is_sqlmi
from nsg_baseline.core.rules import Rule

PRESETS: Mapping[Preset, Callable[[Rule], bool]] = MappingProxyType(
    {"AKS": is_aks, "DefenderJIT": is_jit, "Databricks": is_databricks, "SQLManagedInstance": is_sqlmi}
)
