"""What an operator relies on in a Kubernetes API, as checks that any server can be put to.

The embedded server and a real kube-apiserver run the same ones, so that the first stays honest.
"""

from tests.emulator.kube.contract import (  # noqa: F401 - each registers its checks
    applying,
    built_in,
    changing,
    creating,
    deleting,
    discovery,
    listing,
    rules,
    schema,
    watching,
)
from tests.emulator.kube.contract.core import CHECKS, Check, Server, prepared
from tests.emulator.kube.contract.gadgets import CRD, GROUP, PLURAL, SCHEMA, gadget

__all__ = ["CHECKS", "CRD", "GROUP", "PLURAL", "SCHEMA", "Check", "Server", "gadget", "prepared"]
