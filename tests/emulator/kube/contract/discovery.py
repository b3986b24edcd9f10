"""What the server says that it serves."""

from tests.emulator.kube.contract.core import Server, check
from tests.emulator.kube.contract.gadgets import GROUP, KIND, PLURAL


@check("clients find a kind by its group, short name and category")
async def discovery_tells_kinds(server: Server) -> None:
    groups = await server.ask("GET", "/apis")
    assert GROUP in [item["name"] for item in groups.body["groups"]]
    listed = await server.ask("GET", f"/apis/{GROUP}/v1")
    resources = {item["name"]: item for item in listed.body["resources"]}
    assert resources[PLURAL]["shortNames"] == ["gg"]
    assert resources[PLURAL]["categories"] == ["contract"]
    assert {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"} == set(
        resources[PLURAL]["verbs"]
    )
    assert resources[f"{PLURAL}/status"]["kind"] == KIND


@check("kubectl explain and validate read the schema")
async def openapi_describes_kinds(server: Server) -> None:
    index = await server.ask("GET", "/openapi/v3")
    document = await server.ask("GET", index.body["paths"][f"apis/{GROUP}/v1"]["serverRelativeURL"])
    kind_key = {"group": GROUP, "version": "v1", "kind": KIND}
    schemas = document.body["components"]["schemas"].values()
    schema = next(item for item in schemas if kind_key in item.get("x-kubernetes-group-version-kind", []))
    assert schema["properties"]["spec"]["properties"]["nsg"]["description"] == "Which group it watches."


@check("what is not served is not found")
async def unknown_paths(server: Server) -> None:
    assert (await server.ask("GET", f"/apis/{GROUP}/v1/namespaces/{server.namespace}/nothing")).status == 404
    assert (await server.ask("GET", "/apis/nothing.example.com/v1")).status == 404
