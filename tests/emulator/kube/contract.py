"""What an operator relies on in a Kubernetes API, as checks that any server can be put to.

The embedded server and a real kube-apiserver run the same ones, so that the first stays honest.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import aiohttp

Obj: TypeAlias = dict[str, Any]

GROUP, PLURAL, KIND = "contract.example.com", "gadgets", "Gadget"
MERGE, JSON_PATCH, APPLY = "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"

_TEXT = {"type": "string"}
SCHEMA: Obj = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "description": "What the gadget is to be.",
            "required": ["nsg"],
            "properties": {
                "nsg": {**_TEXT, "description": "Which group it watches.", "minLength": 1, "maxLength": 20},
                "mode": {**_TEXT, "enum": ["Alert", "Enforce"], "default": "Alert"},
                "until": {**_TEXT, "format": "date-time"},
                "target": {
                    **_TEXT,
                    "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "cannot change"}],
                },
                "network": {
                    "type": "object",
                    "properties": {"address": _TEXT, "prefix": _TEXT},
                    "x-kubernetes-validations": [
                        {
                            "rule": "[has(self.address), has(self.prefix)].exists_one(x, x)",
                            "message": "exactly one of address, prefix",
                            "fieldPath": ".prefix",
                        },
                        {
                            "rule": "!has(self.prefix) || cidr(self.prefix).masked() == cidr(self.prefix)",
                            "messageExpression": "'host bits in ' + self.prefix",
                        },
                    ],
                },
                "port": {"x-kubernetes-int-or-string": True},
                "note": {**_TEXT, "nullable": True},
                "tags": {"type": "object", "additionalProperties": _TEXT, "maxProperties": 3},
                "ids": {"type": "array", "items": _TEXT, "x-kubernetes-list-type": "set"},
                "either": {
                    "type": "object",
                    "properties": {"a": _TEXT, "b": _TEXT},
                    "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                },
                "x": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "rules": {
                    "type": "array",
                    "maxItems": 4,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {**_TEXT, "pattern": "^[a-z0-9-]+$"},
                            "priority": {"type": "integer", "minimum": 100, "maximum": 4096, "default": 100},
                            "access": _TEXT,
                        },
                    },
                },
            },
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
CRD: Obj = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {
            "plural": PLURAL,
            "singular": "gadget",
            "kind": KIND,
            "shortNames": ["gg"],
            "categories": ["contract"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": SCHEMA},
                "additionalPrinterColumns": [
                    {"name": "NSG", "type": "string", "jsonPath": ".spec.nsg"},
                    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
                    {"name": "Changes", "type": "integer", "jsonPath": ".status.changeCount"},
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
            }
        ],
    },
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what came with it."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def meta(self) -> Obj:
        return self.body["metadata"]  # type: ignore[no-any-return]


@dataclass(slots=True)
class Server:
    """A server under test, and a namespace of its own for each check."""

    session: aiohttp.ClientSession
    url: str
    headers: Mapping[str, str]
    namespace: str = ""
    patience: int = 2
    """Seconds within which a watch must have had a bookmark. The real server waits until shortly before its end."""

    @property
    def gadgets(self) -> str:
        return f"/apis/{GROUP}/v1/namespaces/{self.namespace}/{PLURAL}"

    async def ask(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", **headers: str
    ) -> Answer:
        data = None if body is None else json.dumps(body)
        sent = {**self.headers, "Content-Type": kind, **headers}
        async with self.session.request(method, self.url + path, data=data, headers=sent) as answer:
            text = await answer.text()
            with contextlib.suppress(ValueError):
                return Answer(answer.status, json.loads(text), answer.headers)
            return Answer(answer.status, text, answer.headers)

    async def make(self, name: str, spec: Obj | None = None, **more: Any) -> Answer:
        return await self.ask("POST", self.gadgets, gadget(name, spec, **more))

    async def patch(self, name: str, patch: Any, kind: str = MERGE) -> Answer:
        return await self.ask("PATCH", f"{self.gadgets}/{name}", patch, kind)

    async def apply(self, name: str, spec: Obj, manager: str, *, force: bool = False) -> Answer:
        query = f"?fieldManager={manager}{'&force=true' if force else ''}"
        return await self.ask("PATCH", f"{self.gadgets}/{name}{query}", gadget(name, spec), APPLY)

    @contextlib.asynccontextmanager
    async def watch(self, query: str, path: str = "") -> AsyncIterator[AsyncIterator[Obj]]:
        """Open a watch; yields its events, until the server ends it."""
        target = f"{self.url}{path or self.gadgets}?watch=true&{query}"
        async with self.session.get(target, headers=self.headers) as answer:
            if answer.status != 200:
                yield _one({"type": "ERROR", "object": await answer.json()})
            else:
                yield _events(answer)

    async def watched(self, query: str, path: str = "") -> list[Obj]:
        """Return everything that a watch tells until the server ends it."""
        async with self.watch(query, path) as events:
            return [event async for event in events]


async def _one(event: Obj) -> AsyncIterator[Obj]:
    yield event


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Obj]:
    async for line in answer.content:
        yield json.loads(line)


def gadget(name: str, spec: Obj | None = None, **more: Any) -> Obj:
    metadata = {"name": name, **more.pop("metadata", {})}
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": KIND,
        "metadata": metadata,
        "spec": {"nsg": "a", **(spec or {})},
        **more,
    }


Run: TypeAlias = Callable[[Server], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise of the API, and why an operator needs it."""

    name: str
    reason: str
    run: Run


CHECKS: list[Check] = []


def check(reason: str) -> Callable[[Run], Run]:
    def register(run: Run) -> Run:
        CHECKS.append(Check(run.__name__, reason, run))
        return run

    return register


@contextlib.asynccontextmanager
async def prepared(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], patience: int = 2
) -> AsyncIterator[Server]:
    """Yield a server with the contract's kind established and a fresh namespace."""
    server = Server(session, url, headers, f"contract-{uuid.uuid4().hex[:10]}", patience)
    await establish(server)
    made = await server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": server.namespace}})
    assert made.status == 201, made
    try:
        yield server
    finally:
        await server.ask("DELETE", server.gadgets)
        await server.ask("DELETE", f"/api/v1/namespaces/{server.namespace}")


async def establish(server: Server) -> None:
    """Create the contract's definition, and wait until its objects are served."""
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    made = await server.ask("POST", crds, CRD)
    assert made.status in (201, 409), made
    name = CRD["metadata"]["name"]
    async with server.watch(f"fieldSelector=metadata.name={name}&timeoutSeconds=60", crds) as events:
        async for event in events:
            if _is_established(event["object"]):
                break
    async with asyncio.timeout(30):
        while (await server.ask("GET", f"/apis/{GROUP}/v1/{PLURAL}")).status != 200:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.1)


def _is_established(crd: Obj) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


# what is created


@check("an object's identity and age come from the server, and owner references and locks build on them")
async def create_assigns_identity(server: Server) -> None:
    made = await server.make("one", status={"injected": 1})
    assert made.status == 201
    assert all(made.meta.get(name) for name in ("uid", "resourceVersion", "creationTimestamp"))
    assert made.meta["generation"] == 1
    assert "status" not in made.body, "a create cannot set the status"


@check("a second create of one name must not overwrite the first")
async def create_twice_conflicts(server: Server) -> None:
    await server.make("one")
    again = await server.make("one")
    assert (again.status, again.body["reason"]) == (409, "AlreadyExists")


@check("incident names are made up by the server")
async def generate_name_makes_names(server: Server) -> None:
    body = gadget("x")
    body["metadata"] = {"generateName": "many-"}
    made = [await server.ask("POST", server.gadgets, body) for _ in range(2)]
    names = {each.meta["name"] for each in made}
    assert len(names) == 2
    assert all(name.startswith("many-") and len(name) == 10 for name in names)


@check("a namespace that is not there is an error, not an empty one")
async def create_needs_namespace(server: Server) -> None:
    made = await server.ask("POST", f"/apis/{GROUP}/v1/namespaces/nowhere/{PLURAL}", gadget("one"))
    assert made.status == 404
    assert 'namespaces "nowhere" not found' in made.body["message"]


@check("names that no DNS label can carry are refused, with the field named")
async def names_are_checked(server: Server) -> None:
    made = await server.make("Not_A_Name")
    assert made.status == 422
    assert "metadata.name" in made.body["message"]
    assert "RFC 1123 subdomain" in made.body["message"]


@check("labels of a wrong form are refused")
async def labels_are_checked(server: Server) -> None:
    made = await server.make("one", metadata={"labels": {"a": "not a label"}})
    assert made.status == 422
    assert "metadata.labels: Invalid value" in made.body["message"]


@check("annotations are strings: a number must not become one by accident")
async def annotation_types_are_checked(server: Server) -> None:
    made = await server.make("one", metadata={"annotations": {"a": 1}})
    assert made.status == 400
    assert "annotations" in made.body["message"]


@check("a missing object is told apart from everything else by its reason")
async def get_missing_is_not_found(server: Server) -> None:
    found = await server.ask("GET", f"{server.gadgets}/nope")
    assert (found.status, found.body["reason"]) == (404, "NotFound")
    assert found.body["message"] == f'{PLURAL}.{GROUP} "nope" not found'


# what is changed


@check("null deletes a field in a merge patch")
async def merge_patch_deletes_by_null(server: Server) -> None:
    await server.make("one", {"x": {"p": 1, "q": 2}})
    patched = await server.patch("one", {"spec": {"nsg": "b", "x": {"p": None}}})
    assert patched.status == 200
    assert patched.body["spec"]["x"] == {"q": 2}


@check("observedGeneration compares with generation, which counts changes of the spec alone")
async def generation_counts_spec_changes(server: Server) -> None:
    made = await server.make("one")
    changed = await server.patch("one", {"spec": {"nsg": "b"}})
    assert changed.meta["generation"] == 2
    assert changed.meta["resourceVersion"] != made.meta["resourceVersion"]
    labelled = await server.patch("one", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.meta["generation"] == 2


@check("a write that changes nothing is no write: no event, no new version")
async def empty_write_is_no_write(server: Server) -> None:
    made = await server.make("one")
    same = await server.patch("one", {"spec": {"nsg": "a"}})
    assert same.meta["resourceVersion"] == made.meta["resourceVersion"]


@check("JSON patches change by path, and fail as a whole when a test fails")
async def json_patch_tests_and_replaces(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", [{"op": "replace", "path": "/spec/nsg", "value": "c"}], JSON_PATCH)
    assert (patched.status, patched.body["spec"]["nsg"]) == (200, "c")
    failed = await server.patch("one", [{"op": "test", "path": "/spec/nsg", "value": "zz"}], JSON_PATCH)
    assert failed.status == 422


@check("custom resources know no strategic merge patch")
async def strategic_patch_is_refused(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", {"spec": {"nsg": "b"}}, "application/strategic-merge-patch+json")
    assert patched.status == 415


@check("a stale write loses, by patch and by replace")
async def stale_writes_conflict(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", {"metadata": {"resourceVersion": "1"}, "spec": {"nsg": "stale"}})
    assert (patched.status, patched.body["reason"]) == (409, "Conflict")
    stale = (await server.ask("GET", f"{server.gadgets}/one")).body
    stale["metadata"]["resourceVersion"] = "1"
    put = await server.ask("PUT", f"{server.gadgets}/one", stale)
    assert (put.status, put.body["reason"]) == (409, "Conflict")


@check("a replace drops what it does not name")
async def put_replaces(server: Server) -> None:
    found = (await server.make("one", {"x": {"p": 1}})).body
    del found["spec"]["x"]
    put = await server.ask("PUT", f"{server.gadgets}/one", found)
    assert put.status == 200
    assert "x" not in put.body["spec"]


@check("a replace needs a version to compare with")
async def put_without_version_is_refused(server: Server) -> None:
    await server.make("one")
    put = await server.ask("PUT", f"{server.gadgets}/one", gadget("one"))
    assert put.status == 422
    assert "metadata.resourceVersion" in put.body["message"]


@check("the URL and the body must name the same object")
async def put_under_another_name_is_refused(server: Server) -> None:
    found = (await server.make("one")).body
    put = await server.ask("PUT", f"{server.gadgets}/two", found)
    assert put.status == 400
    assert put.body["message"] == "the name of the object (one) does not match the name on the URL (two)"


@check("status and spec are written on paths of their own, and neither touches the other")
async def status_is_apart(server: Server) -> None:
    made = await server.make("one")
    path = f"{server.gadgets}/one/status"
    wrote = await server.ask("PATCH", path, {"status": {"z": 1}, "spec": {"nsg": "evil"}}, MERGE)
    assert (wrote.body["spec"]["nsg"], wrote.body["status"]) == ("a", {"z": 1})
    assert wrote.meta["generation"] == made.meta["generation"]
    hacked = await server.patch("one", {"status": {"hack": 1}})
    assert hacked.body["status"] == {"z": 1}


@check("a status write does not change metadata")
async def status_keeps_metadata(server: Server) -> None:
    await server.make("one")
    wrote = await server.ask(
        "PATCH", f"{server.gadgets}/one/status", {"metadata": {"labels": {"a": "b"}}, "status": {"z": 1}}, MERGE
    )
    assert "labels" not in wrote.meta


@check("a dry run judges and answers, but changes nothing")
async def dry_run_changes_nothing(server: Server) -> None:
    made = await server.ask("POST", f"{server.gadgets}?dryRun=All", gadget("one"))
    assert made.status == 201
    assert (await server.ask("GET", f"{server.gadgets}/one")).status == 404


# server-side apply


@check("an applied typo is refused, since nobody would own it")
async def apply_refuses_unknown_fields(server: Server) -> None:
    applied = await server.apply("one", {"typo": 1}, "argo")
    assert applied.status == 500
    assert ".spec.typo: field not declared in schema" in applied.body["message"]


@check("applied items that cannot be told apart are refused")
async def apply_refuses_duplicates(server: Server) -> None:
    applied = await server.apply("one", {"rules": [{"name": "r"}, {"name": "r"}]}, "argo")
    assert applied.status == 500
    assert '.spec.rules: duplicate entries for key [name="r"]' in applied.body["message"]


@check("GitOps tools apply what they want, again and again")
async def apply_creates_then_settles(server: Server) -> None:
    first = await server.apply("one", {"rules": [{"name": "r1"}]}, "argo")
    assert first.status == 201
    second = await server.apply("one", {"rules": [{"name": "r1"}]}, "argo")
    assert second.status == 200
    assert second.meta["resourceVersion"] == first.meta["resourceVersion"]


@check("an applied list-map merges by key, and keeps what others added")
async def apply_merges_list_maps(server: Server) -> None:
    await server.apply("one", {"rules": [{"name": "mine", "priority": 200}]}, "argo")
    await server.apply("one", {"rules": [{"name": "theirs", "priority": 300}]}, "other")
    applied = await server.apply("one", {"rules": [{"name": "mine", "priority": 250}]}, "argo")
    assert {each["name"]: each["priority"] for each in applied.body["spec"]["rules"]} == {"mine": 250, "theirs": 300}


@check("what a manager no longer applies goes, if nobody else holds it")
async def apply_removes_what_is_given_up(server: Server) -> None:
    await server.apply("one", {"mode": "Enforce", "note": "x", "rules": [{"name": "r1"}, {"name": "r2"}]}, "argo")
    applied = await server.apply("one", {"rules": [{"name": "r2"}]}, "argo")
    assert "note" not in applied.body["spec"]
    assert [each["name"] for each in applied.body["spec"]["rules"]] == ["r2"]
    assert applied.body["spec"]["mode"] == "Alert", "a removed field falls back to its default"


@check("two managers of one field are told so, and force decides")
async def apply_conflicts(server: Server) -> None:
    await server.apply("one", {"note": "mine"}, "argo")
    lost = await server.apply("one", {"note": "theirs"}, "other")
    assert (lost.status, lost.body["reason"]) == (409, "Conflict")
    assert ".spec.note" in lost.body["message"]
    assert lost.body["details"]["causes"][0]["field"] == ".spec.note"
    won = await server.apply("one", {"note": "theirs"}, "other", force=True)
    assert (won.status, won.body["spec"]["note"]) == (200, "theirs")


@check("a plain edit takes a field over from its applier")
async def edit_takes_ownership(server: Server) -> None:
    await server.apply("one", {"note": "mine"}, "argo")
    await server.ask("PATCH", f"{server.gadgets}/one?fieldManager=hand", {"spec": {"note": "edited"}}, MERGE)
    lost = await server.apply("one", {"note": "mine"}, "argo")
    assert lost.status == 409
    assert "hand" in lost.body["message"]


# deletion


@check("an object with a finalizer stays until the finalizer goes")
async def finalizers_hold(server: Server) -> None:
    await server.make("one", metadata={"finalizers": ["example.com/hold"]})
    deleted = await server.ask("DELETE", f"{server.gadgets}/one")
    assert deleted.meta["deletionTimestamp"]
    assert (await server.ask("GET", f"{server.gadgets}/one")).status == 200
    await server.patch("one", {"metadata": {"finalizers": None}})
    assert (await server.ask("GET", f"{server.gadgets}/one")).status == 404


@check("what is being deleted takes no new finalizers")
async def no_new_finalizers_when_going(server: Server) -> None:
    await server.make("one", metadata={"finalizers": ["example.com/hold"]})
    await server.ask("DELETE", f"{server.gadgets}/one")
    late = await server.patch("one", {"metadata": {"finalizers": ["example.com/hold", "example.com/late"]}})
    assert late.status == 422
    assert "no new finalizers can be added" in late.body["message"]
    await server.patch("one", {"metadata": {"finalizers": None}})


@check("a delete can insist on the object it means")
async def delete_preconditions(server: Server) -> None:
    await server.make("one")
    deleted = await server.ask("DELETE", f"{server.gadgets}/one", {"preconditions": {"uid": "wrong"}})
    assert (deleted.status, deleted.body["reason"]) == (409, "Conflict")


@check("a delete of one object answers with a Status that names it")
async def delete_answers_with_status(server: Server) -> None:
    made = await server.make("one")
    deleted = await server.ask("DELETE", f"{server.gadgets}/one")
    assert (deleted.status, deleted.body["status"]) == (200, "Success")
    assert deleted.body["details"]["uid"] == made.meta["uid"]


@check("a collection can be deleted by label")
async def delete_collection(server: Server) -> None:
    await server.make("one", metadata={"labels": {"a": "b"}})
    await server.make("two")
    assert (await server.ask("DELETE", f"{server.gadgets}?labelSelector=a%3Db")).status == 200
    left = await server.ask("GET", server.gadgets)
    assert [each["metadata"]["name"] for each in left.body["items"]] == ["two"]


# lists


@check("a list carries the version that a watch can go on from")
async def lists_have_versions(server: Server) -> None:
    await server.make("one")
    found = await server.ask("GET", server.gadgets)
    assert (found.body["kind"], found.body["apiVersion"]) == (f"{KIND}List", f"{GROUP}/v1")
    assert found.meta["resourceVersion"].isdigit()


@check("labels select, in all the forms that kubectl sends")
async def label_selectors(server: Server) -> None:
    await server.make("one", metadata={"labels": {"env": "prod"}})
    await server.make("two", metadata={"labels": {"env": "test", "old": ""}})
    await server.make("three")
    for selector, wanted in (
        ("env%3Dprod", ["one"]),
        ("env!%3Dprod", ["three", "two"]),
        ("env%20in%20(prod,test)", ["one", "two"]),
        ("env%20notin%20(prod)", ["three", "two"]),
        ("env,!old", ["one"]),
        ("nothing%3Dat-all", []),
    ):
        found = await server.ask("GET", f"{server.gadgets}?labelSelector={selector}")
        assert [each["metadata"]["name"] for each in found.body["items"]] == wanted, selector


@check("one object can be listed and watched by its name")
async def field_selectors(server: Server) -> None:
    await server.make("one")
    await server.make("two")
    found = await server.ask("GET", f"{server.gadgets}?fieldSelector=metadata.name%3Dtwo")
    assert [each["metadata"]["name"] for each in found.body["items"]] == ["two"]
    unknown = await server.ask("GET", f"{server.gadgets}?fieldSelector=spec.nsg%3Da")
    assert unknown.status == 400
    assert "field label not supported" in unknown.body["message"]


@check("large lists come in pages")
async def lists_are_paged(server: Server) -> None:
    for at in range(5):
        await server.make(f"n{at}")
    names, token, left = [], "", []
    for _ in range(3):
        page = await server.ask("GET", f"{server.gadgets}?limit=2&continue={token}")
        names += [each["metadata"]["name"] for each in page.body["items"]]
        token = page.meta.get("continue", "")
        left.append(page.meta.get("remainingItemCount"))
    assert names == ["n0", "n1", "n2", "n3", "n4"]
    assert left == [3, 1, None]
    assert not token


@check("all pages of a list show one moment, whatever happens meanwhile")
async def pages_show_one_moment(server: Server) -> None:
    for at in range(4):
        await server.make(f"n{at}")
    first = await server.ask("GET", f"{server.gadgets}?limit=2")
    await server.ask("DELETE", f"{server.gadgets}/n3")
    await server.make("n2b")
    await server.patch("n2", {"spec": {"nsg": "later"}})
    second = await server.ask("GET", f"{server.gadgets}?limit=2&continue={first.meta['continue']}")
    assert [each["metadata"]["name"] for each in second.body["items"]] == ["n2", "n3"]
    assert second.body["items"][0]["spec"]["nsg"] == "a"
    assert second.meta["resourceVersion"] == first.meta["resourceVersion"]


@check("a broken page token is an error, not a first page")
async def broken_token_is_refused(server: Server) -> None:
    found = await server.ask("GET", f"{server.gadgets}?limit=2&continue=nonsense")
    assert (found.status, found.body["reason"]) == (400, "BadRequest")


@check("kubectl prints what the server's table says")
async def tables_have_columns(server: Server) -> None:
    await server.make("one")
    conditions = [{"type": "Ready", "status": "True"}]
    await server.ask(
        "PATCH", f"{server.gadgets}/one/status", {"status": {"conditions": conditions, "changeCount": 3}}, MERGE
    )
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = await server.ask("GET", server.gadgets, Accept=accept)
    assert table.body["kind"] == "Table"
    assert [each["name"] for each in table.body["columnDefinitions"]] == ["Name", "NSG", "Ready", "Changes", "Age"]
    row = table.body["rows"][0]
    assert row["cells"][:4] == ["one", "a", "True", 3]
    assert row["cells"][4].endswith("s")
    assert row["object"]["kind"] == "PartialObjectMetadata"


# watches


async def _version(server: Server) -> str:
    return (await server.ask("GET", server.gadgets)).meta["resourceVersion"]  # type: ignore[no-any-return]


@check("a watch goes on where the list ended: nothing twice, nothing missed")
async def watch_continues_a_list(server: Server) -> None:
    await server.make("before")
    version = await _version(server)
    await server.make("one")
    await server.patch("one", {"spec": {"nsg": "b"}})
    await server.ask("DELETE", f"{server.gadgets}/one")
    events = await server.watched(f"resourceVersion={version}&timeoutSeconds=1")
    told = [(each["type"], each["object"]["metadata"]["name"]) for each in events]
    assert told == [("ADDED", "one"), ("MODIFIED", "one"), ("DELETED", "one")]
    versions = [int(each["object"]["metadata"]["resourceVersion"]) for each in events]
    assert versions == sorted(set(versions)), "a deletion has a version of its own"


@check("what happens during a watch is told")
async def watch_tells_live(server: Server) -> None:
    version = await _version(server)
    async with server.watch(f"resourceVersion={version}&timeoutSeconds=30") as events:
        await server.make("one")
        async for event in events:
            assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "one")
            break


@check("a watch without a version begins with what is there")
async def watch_without_version_lists_first(server: Server) -> None:
    await server.make("one")
    events = await server.watched("timeoutSeconds=1")
    assert [(each["type"], each["object"]["metadata"]["name"]) for each in events] == [("ADDED", "one")]


@check("an object that leaves the selection is told as deleted")
async def watch_selects(server: Server) -> None:
    version = await _version(server)
    await server.make("one", metadata={"labels": {"a": "b"}})
    await server.make("other")
    await server.patch("one", {"metadata": {"labels": {"a": "c"}}})
    events = await server.watched(f"resourceVersion={version}&labelSelector=a%3Db&timeoutSeconds=1")
    assert [(each["type"], each["object"]["metadata"]["name"]) for each in events] == [
        ("ADDED", "one"),
        ("DELETED", "one"),
    ]


@check("bookmarks keep a quiet watch from growing too old")
async def watch_sends_bookmarks(server: Server) -> None:
    version = await _version(server)
    await server.make("one")
    query = f"resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds={server.patience}"
    async with server.watch(query) as events:
        assert "BOOKMARK" in [event["type"] async for event in events]


@check("newer clients list by watching, and are told where the list ends")
async def watch_sends_initial_events(server: Server) -> None:
    await server.make("one")
    query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    events = await server.watched(query)
    assert events[0]["type"] == "ADDED"
    ends = [each["object"]["metadata"].get("annotations", {}) for each in events if each["type"] == "BOOKMARK"]
    assert {"k8s.io/initial-events-end": "true"} in ends


@check("a watch from a forgotten version is told to list again")
async def watch_too_old_is_gone(server: Server) -> None:
    await server.make("one")
    events = await server.watched("resourceVersion=1&timeoutSeconds=1")
    assert [(each["type"], each["object"]["code"], each["object"]["reason"]) for each in events] == [
        ("ERROR", 410, "Expired")
    ]


# the schema


async def _refused(server: Server, spec: Obj, *words: str) -> Answer:
    made = await server.make("bad", spec)
    assert made.status == 422, made.body
    assert made.body["reason"] == "Invalid"
    for each in words:
        assert each in made.body["message"], made.body["message"]
    return made


@check("a wrong type is refused by name")
async def types_are_checked(server: Server) -> None:
    await _refused(
        server,
        {"rules": "no list"},
        'spec.rules: Invalid value: "string": spec.rules in body must be of type array: "string"',
    )


@check("a refusal names every wrong field, for people and for programs")
async def refusals_name_fields(server: Server) -> None:
    made = await _refused(
        server,
        {"rules": [{"name": "r1", "priority": 5000}, {"name": "r2", "priority": 1}]},
        f'{KIND}.{GROUP} "bad" is invalid: [',
        "spec.rules[0].priority: Invalid value: 5000: ",
        "spec.rules[0].priority in body should be less than or equal to 4096",
        "spec.rules[1].priority: Invalid value: 1: ",
        "spec.rules[1].priority in body should be greater than or equal to 100",
    )
    causes = {each["field"]: each["reason"] for each in made.body["details"]["causes"]}
    assert causes["spec.rules[0].priority"] == "FieldValueInvalid"


@check("enumerations tell what they know")
async def enums_are_checked(server: Server) -> None:
    await _refused(
        server, {"mode": "Maybe"}, 'spec.mode: Unsupported value: "Maybe": supported values: "Alert", "Enforce"'
    )


@check("patterns and lengths are checked, lengths in characters")
async def strings_are_checked(server: Server) -> None:
    await _refused(server, {"rules": [{"name": "A B"}]}, "spec.rules[0].name in body should match '^[a-z0-9-]+$'")
    await _refused(server, {"nsg": ""}, "spec.nsg in body should be at least 1 chars long")
    await _refused(server, {"nsg": "x" * 21}, "spec.nsg: Too long: may not be more than 20 ")
    assert (await server.make("umlauts", {"nsg": "ü" * 20})).status == 201


@check("a line's end is not the text's end in a pattern")
async def patterns_end_at_the_end(server: Server) -> None:
    await _refused(server, {"rules": [{"name": "a\n"}]}, "should match")


@check("bounds of lists and maps are checked")
async def sizes_are_checked(server: Server) -> None:
    rules = [{"name": f"r{at}"} for at in range(5)]
    await _refused(server, {"rules": rules}, "spec.rules: Too many: 5: must have at most 4 items")
    await _refused(server, {"tags": dict.fromkeys("abcd", "x")}, "spec.tags: Too many: 4: must have at most 3 items")


@check("times are checked")
async def formats_are_checked(server: Server) -> None:
    await _refused(server, {"until": "tomorrow"}, 'spec.until in body must be of type date-time: "tomorrow"')
    assert (await server.make("good", {"until": "2026-12-01T00:00:00Z"})).status == 201


@check("required fields are required")
async def required_is_checked(server: Server) -> None:
    await _refused(server, {"rules": [{"priority": 200}]}, "spec.rules[0].name: Required value")


@check("two rules of one name are refused")
async def duplicates_in_list_maps(server: Server) -> None:
    made = await _refused(
        server, {"rules": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "spec.rules[2]: Duplicate value"
    )
    assert made.body["details"]["causes"][0]["reason"] == "FieldValueDuplicate"


@check("a set holds a value once")
async def duplicates_in_sets(server: Server) -> None:
    await _refused(server, {"ids": ["a", "b", "a"]}, 'spec.ids[2]: Duplicate value: "a"')


@check("alternatives exclude each other")
async def one_of_is_checked(server: Server) -> None:
    await _refused(server, {"either": {"a": "1", "b": "2"}}, "must validate one and only one schema (oneOf)")
    assert (await server.make("good", {"either": {"a": "1"}})).status == 201


@check("a port is a number or a name")
async def int_or_string(server: Server) -> None:
    assert (await server.make("one", {"port": 22})).status == 201
    assert (await server.make("two", {"port": "ssh"})).status == 201
    await _refused(server, {"port": True}, "spec.port in body must be of type integer,string")


@check("defaults are stored, also inside lists")
async def defaults_are_filled_in(server: Server) -> None:
    made = await server.make("one", {"rules": [{"name": "r1"}]})
    assert made.body["spec"]["mode"] == "Alert"
    assert made.body["spec"]["rules"] == [{"name": "r1", "priority": 100}]


@check("null is a value only where the schema says so")
async def nulls_are_handled(server: Server) -> None:
    made = await server.make("one", {"mode": None, "note": None})
    assert made.body["spec"]["mode"] == "Alert", "a null gives way to the default"
    assert made.body["spec"]["note"] is None
    made = await server.make("two", {"until": None, "rules": [{"name": "r", "access": None}], "tags": {"a": None}})
    assert made.body["spec"]["rules"] == [{"name": "r", "priority": 100}], "any other null is as if it were not there"
    assert made.body["spec"]["tags"] == {}
    assert "until" not in made.body["spec"]
    await _refused(server, {"nsg": None}, "spec.nsg: Required value")
    await _refused(server, {"rules": [None]}, 'spec.rules[0] in body must be of type object: "null"')


@check("unknown fields are dropped with a warning, or refused on demand")
async def unknown_fields(server: Server) -> None:
    made = await server.make("one", {"typo": 1})
    assert "typo" not in made.body["spec"]
    assert 'unknown field \\"spec.typo\\"' in made.headers.get("Warning", "")
    strict = await server.ask("POST", f"{server.gadgets}?fieldValidation=Strict", gadget("two", {"typo": 1}))
    assert strict.status == 400
    assert 'unknown field "spec.typo"' in strict.body["message"]


@check("a patch is judged as strictly as a create")
async def patches_are_checked(server: Server) -> None:
    await server.make("one")
    patched = await server.patch("one", {"spec": {"mode": "Maybe"}})
    assert patched.status == 422
    assert "spec.mode: Unsupported value" in patched.body["message"]


# rules in CEL


@check("a rule can span fields, and names the one to look at")
async def rules_name_fields(server: Server) -> None:
    await _refused(server, {"network": {}}, "spec.network.prefix: Invalid value: exactly one of address, prefix")
    assert (await server.make("good", {"network": {"prefix": "10.0.0.0/8"}})).status == 201


@check("a rule can tell what is wrong in words of its own")
async def rules_compute_messages(server: Server) -> None:
    await _refused(
        server, {"network": {"prefix": "10.0.0.1/8"}}, "spec.network: Invalid value: host bits in 10.0.0.1/8"
    )


@check("some fields must not change, which only a rule that sees the old value can say")
async def rules_see_transitions(server: Server) -> None:
    assert (await server.make("one", {"target": "a"})).status == 201
    assert (await server.patch("one", {"spec": {"nsg": "b"}})).status == 200
    moved = await server.patch("one", {"spec": {"target": "b"}})
    assert moved.status == 422
    assert 'spec.target: Invalid value: "b": cannot change' in moved.body["message"]


@check("a malformed object is told so, and that its rules were not looked at")
async def rules_wait_for_the_schema(server: Server) -> None:
    await _refused(server, {"rules": "x"}, "spec.rules in body must be of type array", "rules were not checked")


# other kinds


@check("a lease is taken by whoever writes first")
async def leases_lock(server: Server) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{server.namespace}/leases"
    spec = {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-02T03:04:05.123456Z"}
    made = await server.ask("POST", leases, {"metadata": {"name": "lock"}, "spec": spec})
    assert made.status == 201
    assert made.body["spec"]["renewTime"] == "2026-01-02T03:04:05.123456Z"
    taken = {**made.body, "spec": {**spec, "holderIdentity": "b"}}
    assert (await server.ask("PUT", f"{leases}/lock", taken)).status == 200
    assert (await server.ask("PUT", f"{leases}/lock", taken)).status == 409


@check("lease times have exactly six digits of a second, as elections between different programs need")
async def lease_times_are_checked(server: Server) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{server.namespace}/leases"
    short = {"metadata": {"name": "lock"}, "spec": {"renewTime": "2026-01-02T03:04:05Z"}}
    made = await server.ask("POST", leases, short)
    assert made.status == 400
    assert "parsing time" in made.body["message"]
    zoned = {"metadata": {"name": "lock"}, "spec": {"renewTime": "2026-01-02T04:04:05.123456+01:00"}}
    assert (await server.ask("POST", leases, zoned)).body["spec"]["renewTime"] == "2026-01-02T03:04:05.123456Z"


@check("a lease of no length is refused")
async def leases_are_checked(server: Server) -> None:
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{server.namespace}/leases"
    made = await server.ask("POST", leases, {"metadata": {"name": "lock"}, "spec": {"leaseDurationSeconds": 0}})
    assert made.status == 422
    assert "spec.leaseDurationSeconds" in made.body["message"]


@check("secrets are written in plain and read in base64")
async def secrets_encode(server: Server) -> None:
    secrets = f"/api/v1/namespaces/{server.namespace}/secrets"
    made = await server.ask("POST", secrets, {"metadata": {"name": "s"}, "stringData": {"urls": "json://x"}})
    assert made.body["data"] == {"urls": "anNvbjovL3g="}
    assert made.body["type"] == "Opaque"
    assert "stringData" not in made.body


@check("kubectl describe finds an object's events")
async def events_are_found_by_object(server: Server) -> None:
    events = f"/api/v1/namespaces/{server.namespace}/events"
    for name in ("one", "two"):
        about = {"kind": KIND, "namespace": server.namespace, "name": name, "uid": f"uid-{name}"}
        event = {
            "metadata": {"name": f"e-{name}"},
            "involvedObject": about,
            "reason": "Drift",
            "message": "m",
            "type": "Warning",
        }
        assert (await server.ask("POST", events, event)).status == 201
    found = await server.ask("GET", f"{events}?fieldSelector=involvedObject.name%3Dtwo,involvedObject.uid%3Duid-two")
    assert [each["metadata"]["name"] for each in found.body["items"]] == ["e-two"]


@check("an event lives in its object's namespace")
async def events_need_their_namespace(server: Server) -> None:
    event = {"metadata": {"name": "e"}, "involvedObject": {"kind": KIND, "namespace": "elsewhere", "name": "x"}}
    made = await server.ask("POST", f"/api/v1/namespaces/{server.namespace}/events", event)
    assert made.status == 422
    assert "does not match event.namespace" in made.body["message"]


@check("both event APIs show the same events")
async def events_have_two_versions(server: Server) -> None:
    about = {"kind": KIND, "namespace": server.namespace, "name": "one"}
    event = {"metadata": {"name": "e"}, "involvedObject": about, "reason": "Drift", "message": "m", "type": "Warning"}
    await server.ask("POST", f"/api/v1/namespaces/{server.namespace}/events", event)
    found = await server.ask("GET", f"/apis/events.k8s.io/v1/namespaces/{server.namespace}/events/e")
    assert (found.body["note"], found.body["regarding"]["name"]) == ("m", "one")
    assert found.body["apiVersion"] == "events.k8s.io/v1"


@check("an operator can ask what it may do")
async def access_can_be_asked(server: Server) -> None:
    attributes = {"group": GROUP, "resource": PLURAL, "verb": "list", "namespace": server.namespace}
    body = {"spec": {"resourceAttributes": attributes}}
    asked = await server.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert (asked.status, asked.body["status"]["allowed"]) == (201, True)
    rules = await server.ask(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": server.namespace}}
    )
    assert any("*" in each["verbs"] for each in rules.body["status"]["resourceRules"])


# discovery


@check("clients find a kind by its group, short name and category")
async def discovery_tells_kinds(server: Server) -> None:
    groups = await server.ask("GET", "/apis")
    assert GROUP in [each["name"] for each in groups.body["groups"]]
    listed = await server.ask("GET", f"/apis/{GROUP}/v1")
    found = {each["name"]: each for each in listed.body["resources"]}
    assert found[PLURAL]["shortNames"] == ["gg"]
    assert found[PLURAL]["categories"] == ["contract"]
    assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} == set(
        found[PLURAL]["verbs"]
    )
    assert found[f"{PLURAL}/status"]["kind"] == KIND


@check("kubectl explain and validate read the schema")
async def openapi_describes_kinds(server: Server) -> None:
    index = await server.ask("GET", "/openapi/v3")
    document = await server.ask("GET", index.body["paths"][f"apis/{GROUP}/v1"]["serverRelativeURL"])
    wanted = {"group": GROUP, "version": "v1", "kind": KIND}
    schemas = document.body["components"]["schemas"].values()
    schema = next(each for each in schemas if wanted in each.get("x-kubernetes-group-version-kind", []))
    assert schema["properties"]["spec"]["properties"]["nsg"]["description"] == "Which group it watches."


@check("what is not served is not found")
async def unknown_paths(server: Server) -> None:
    assert (await server.ask("GET", f"/apis/{GROUP}/v1/namespaces/{server.namespace}/nothing")).status == 404
    assert (await server.ask("GET", "/apis/nothing.example.com/v1")).status == 404
