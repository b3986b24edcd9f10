"""The built-in kinds that an operator meets."""

from tests.emulator.kube.contract.core import Server, check
from tests.emulator.kube.contract.gadgets import GROUP, KIND, PLURAL


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
    response = await server.ask("GET", f"{events}?fieldSelector=involvedObject.name%3Dtwo,involvedObject.uid%3Duid-two")
    assert [item["metadata"]["name"] for item in response.body["items"]] == ["e-two"]


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
    response = await server.ask("GET", f"/apis/events.k8s.io/v1/namespaces/{server.namespace}/events/e")
    assert (response.body["note"], response.body["regarding"]["name"]) == ("m", "one")
    assert response.body["apiVersion"] == "events.k8s.io/v1"


@check("an operator can ask what it may do")
async def access_can_be_asked(server: Server) -> None:
    attributes = {"group": GROUP, "resource": PLURAL, "verb": "list", "namespace": server.namespace}
    body = {"spec": {"resourceAttributes": attributes}}
    response = await server.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert (response.status, response.body["status"]["allowed"]) == (201, True)
    rules = await server.ask(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": server.namespace}}
    )
    assert any("*" in item["verbs"] for item in rules.body["status"]["resourceRules"])
