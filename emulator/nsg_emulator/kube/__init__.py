"""A Kubernetes API server in one process, for the demo and the fast tests.

kopf, the Python client and kubectl accept it. It serves namespaces, events, secrets, config maps, service accounts,
leases and the kinds of CustomResourceDefinitions, with structural schemas, optimistic locking, status, finalizers,
server-side apply, watches with bookmarks, paged lists and tables.

Limits:

- no TLS, no authentication, no RBAC; protobuf only as far as `kubectl create namespace|configmap|secret|sa` sends it;
- no `metadata.managedFields`: field owners are recorded and conflicts are reported, but the field is not served;
- no CEL evaluation: pass `KubeApi(validators=...)` to evaluate the rules of a schema;
- no conversion webhooks: the versions of a definition share their fields;
- what controllers do (establishing definitions, emptying namespaces, collecting owned objects) happens at once, and
  deletion with `Foreground` acts like `Background`;
- definitions themselves are checked loosely: a real server also refuses schemas that are not structural, and rules
  that cost too much.
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
