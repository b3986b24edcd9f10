"""Calls to the Kubernetes API, through the official client."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from kubernetes.aio.client import ApiClient, CustomObjectsApi
from kubernetes.aio.watch import Watch

from nsg_baseline.api.common import GROUP, VERSION, ObjectKey, Resource
from nsg_baseline.kube.core_api import TIMEOUT_SECONDS, CoreApi
from nsg_baseline.kube.errors import KubeError, translate_errors
from nsg_baseline.kube.login import configuration
from nsg_baseline.kube.secrets import decoded

PAGE_SIZE = 250
_MERGE_PATCH = "application/merge-patch+json"
_NOT_FOUND = 404
_LEASES = ("coordination.k8s.io", "v1")


class Kube:
    """The Kubernetes API calls that the operator makes. Each raises KubeError if it fails."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._custom = CustomObjectsApi(api)
        self._core = CoreApi(api)

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, context: str | None = None) -> "Kube":
        """Connect with the pod's ServiceAccount or with a kubeconfig; see `login`.

        Raises:
            ConfigException: neither exists, or the kubeconfig cannot be read.
        """
        return cls(ApiClient(await configuration(kubeconfig, context)))

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return str(self._api.configuration.host)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._api.close()

    async def pages(
        self, kind: type[Resource], namespace: str | None = None
    ) -> AsyncIterator[tuple[list[dict[str, Any]], str]]:
        """Yield all objects of a kind, in a namespace or in all, page by page, each with the list's resourceVersion."""
        list_page, place = self._listing(kind, namespace)
        token: str | None = ""
        while token is not None:
            with translate_errors():
                listed = await list_page(
                    *place, limit=PAGE_SIZE, _continue=token or None, _request_timeout=TIMEOUT_SECONDS
                )
            response = _document(listed)
            meta = response.get("metadata") or {}
            yield response.get("items") or [], str(meta.get("resourceVersion") or "0")
            token = meta.get("continue") or None

    async def changes(self, kind: type[Resource], namespace: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """Yield each object of a kind in its current state, and again after each change, until the caller stops."""
        list_page, place = self._listing(kind, namespace)
        while True:
            with translate_errors():
                async with Watch() as watch:
                    stream = watch.stream(list_page, *place)
                    async for event in stream:
                        if event["type"] in ("ADDED", "MODIFIED"):
                            yield event["object"]

    def _listing(self, kind: type[Resource], namespace: str | None) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """Return the function that lists a kind, and its arguments. A role in one namespace is enough to list there."""
        if namespace is None:
            return self._custom.list_cluster_custom_object, (GROUP, VERSION, kind.plural)
        return self._custom.list_namespaced_custom_object, (GROUP, VERSION, namespace, kind.plural)

    async def create(self, kind: type[Resource], document: Mapping[str, Any]) -> dict[str, Any]:
        """Create a namespaced object and return it as stored."""
        namespace = document["metadata"]["namespace"]
        with translate_errors():
            created = await self._custom.create_namespaced_custom_object(
                GROUP, VERSION, namespace, kind.plural, dict(document), _request_timeout=TIMEOUT_SECONDS
            )
        return _document(created)

    async def patch_status(
        self, kind: type[Resource], key: ObjectKey, patch: Mapping[str, Any], version: int | None = None
    ) -> dict[str, Any]:
        """Merge a patch into an object's status and return the object as stored.

        With a version, the API server refuses the patch (409) if the object has another resourceVersion.
        """
        namespace, name = key
        body: dict[str, Any] = {"status": dict(patch)}
        if version is not None:
            body["metadata"] = {"resourceVersion": str(version)}
        options: dict[str, Any] = {"_content_type": _MERGE_PATCH, "_request_timeout": TIMEOUT_SECONDS}
        with translate_errors():
            if kind.namespaced:
                stored = await self._custom.patch_namespaced_custom_object_status(
                    GROUP, VERSION, namespace, kind.plural, name, body, **options
                )
            else:
                stored = await self._custom.patch_cluster_custom_object_status(
                    GROUP, VERSION, kind.plural, name, body, **options
                )
        return _document(stored)

    async def get(self, kind: type[Resource], key: ObjectKey) -> dict[str, Any]:
        """Return an object as it is stored."""
        with translate_errors():
            if kind.namespaced:
                stored = await self._custom.get_namespaced_custom_object(
                    GROUP, VERSION, key[0], kind.plural, key[1], _request_timeout=TIMEOUT_SECONDS
                )
            else:
                stored = await self._custom.get_cluster_custom_object(
                    GROUP, VERSION, kind.plural, key[1], _request_timeout=TIMEOUT_SECONDS
                )
        return _document(stored)

    async def patch(self, kind: type[Resource], key: ObjectKey, patch: Mapping[str, Any]) -> None:
        """Merge a patch into a namespaced object."""
        with translate_errors():
            await self._custom.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                key[0],
                kind.plural,
                key[1],
                dict(patch),
                _content_type=_MERGE_PATCH,
                _request_timeout=TIMEOUT_SECONDS,
            )

    async def delete(self, kind: type[Resource], key: ObjectKey) -> None:
        """Delete a namespaced object. It is not an error if the object does not exist."""
        try:
            with translate_errors():
                await self._custom.delete_namespaced_custom_object(
                    GROUP, VERSION, key[0], kind.plural, key[1], _request_timeout=TIMEOUT_SECONDS
                )
        except KubeError as error:
            if error.status != _NOT_FOUND:
                raise

    async def lease(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return a Lease; None if it does not exist."""
        try:
            with translate_errors():
                lease = await self._custom.get_namespaced_custom_object(
                    *_LEASES, namespace, "leases", name, _request_timeout=TIMEOUT_SECONDS
                )
        except KubeError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return _document(lease)

    async def save_lease(self, namespace: str, document: dict[str, Any]) -> None:
        """Create a Lease, or replace the version that was read. The API server refuses another version (409)."""
        version = document["metadata"].get("resourceVersion")
        with translate_errors():
            if version is None:
                await self._custom.create_namespaced_custom_object(
                    *_LEASES, namespace, "leases", document, _request_timeout=TIMEOUT_SECONDS
                )
            else:
                name = document["metadata"]["name"]
                await self._custom.replace_namespaced_custom_object(
                    *_LEASES, namespace, "leases", name, document, _request_timeout=TIMEOUT_SECONDS
                )

    async def namespaces(self) -> dict[str, dict[str, str]]:
        """Return the labels of each namespace by name."""
        with translate_errors():
            listed = _document(await self._core.namespaces())
        metas = [item.get("metadata") or {} for item in listed.get("items") or ()]
        return {str(meta["name"]): meta.get("labels") or {} for meta in metas}

    async def namespace_uid(self, name: str) -> str:
        """Return the uid of a namespace."""
        with translate_errors():
            namespace = _document(await self._core.namespace(name))
        return str((namespace.get("metadata") or {}).get("uid") or "")

    async def secret(self, namespace: str, name: str) -> dict[str, str] | None:
        """Return a Secret's texts by key; None if it does not exist."""
        try:
            with translate_errors():
                secret = _document(await self._core.secret(namespace, name))
        except KubeError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return decoded(secret.get("data") or {})

    async def post_event(self, event: Mapping[str, Any]) -> None:
        """Post a Kubernetes event."""
        with translate_errors():
            await self._core.create_event(event["metadata"]["namespace"], event)


def _document(response: Any) -> dict[str, Any]:
    if not isinstance(response, dict):
        raise KubeError("InvalidResponse", "the response of the API server is not a JSON object")
    return response
