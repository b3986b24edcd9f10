"""A Kubernetes API server in one process, for the demo and the fast tests.

It works with kopf, the Python client and kubectl. It serves namespaces, events, secrets, config maps, service accounts,
leases and the kinds of CustomResourceDefinitions, with structural schemas, optimistic locking, status, finalizers,
server-side apply, watches with bookmarks, paged lists and tables.

Limits:

- no TLS, no authentication, no RBAC; of protobuf only what `kubectl create namespace|configmap|secret|sa` sends;
- no `metadata.managedFields`: field owners are recorded and conflicts are reported, but the field is not served;
- no CEL evaluation: pass `KubeApi(validators=...)` to evaluate the rules of a schema;
- no conversion webhooks: the versions of a definition share their fields;
- the work of controllers (establishing definitions, emptying namespaces, deleting owned objects) is done at once, and
  deletion with `Foreground` acts like `Background`;
- few checks of definitions: a real server also rejects schemas that are not structural, and rules that exceed the
  cost limit.
"""

from .api import KubeApi
from .errors import ApiError
from .serving import Running, kubeconfig, serve, serve_in_thread
from .shapes import Key, Obj, Validator
from .store import Store

__all__ = [
    "ApiError",
    "Key",
    "KubeApi",
    "Obj",
    "Running",
    "Store",
    "Validator",
    "kubeconfig",
    "serve",
    "serve_in_thread",
]
