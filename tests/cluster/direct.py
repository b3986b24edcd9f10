"""Objects sent to the real API server without kubectl, which takes a tenth of a second each."""

import json
import ssl
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import Any
from urllib.parse import urlencode, urlsplit

from nsg_baseline.api.common import GROUP, VERSION
from tests.cluster.devcluster import Cluster

_JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
_ERROR = 400


@dataclass(slots=True)
class Direct:
    """One connection, as the administrator, with strict validation."""

    connection: HTTPSConnection
    token: str
    namespace: str

    @classmethod
    def connect(cls, cluster: Cluster, namespace: str) -> "Direct":
        """Connect; namespaced objects go to this namespace."""
        context = ssl.create_default_context(cafile=str(cluster.ca))
        return cls(HTTPSConnection(urlsplit(cluster.server).netloc, context=context), cluster.token, namespace)

    def refusal(self, document: dict[str, Any]) -> str:
        """Return what the server says to a new object; nothing if it takes it. Nothing is stored."""
        return self._refusal("POST", self._path(document["kind"]), document, _JSON, dryRun="All")

    def change_refusal(self, kind: str, name: str, patch: dict[str, Any]) -> str:
        """Return what the server says to a merge patch of a stored object; nothing if it takes it."""
        return self._refusal("PATCH", f"{self._path(kind)}/{name}", patch, MERGE_PATCH)

    def create(self, document: dict[str, Any]) -> dict[str, Any]:
        """Store a new object and return it as stored."""
        status, answer = self._ask("POST", self._path(document["kind"]), document, _JSON)
        assert status < _ERROR, answer
        return answer

    def delete(self, kind: str, name: str) -> None:
        """Delete an object."""
        status, answer = self._ask("DELETE", f"{self._path(kind)}/{name}", {}, _JSON)
        assert status < _ERROR, answer

    def _path(self, kind: str) -> str:
        where = "" if kind == "NSGScope" else f"/namespaces/{self.namespace}"
        return f"/apis/{GROUP}/{VERSION}{where}/{kind.lower()}s"

    def _refusal(self, method: str, path: str, body: Any, content: str, **query: str) -> str:
        status, answer = self._ask(method, path, body, content, **query)
        return str(answer["message"]) if status >= _ERROR else ""

    def _ask(self, method: str, path: str, body: Any, content: str, **query: str) -> tuple[int, dict[str, Any]]:
        asked = urlencode({"fieldValidation": "Strict", "fieldManager": "tests", **query})
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": content}
        self.connection.request(method, f"{path}?{asked}", json.dumps(body), headers)
        with self.connection.getresponse() as answer:
            return answer.status, json.loads(answer.read())
