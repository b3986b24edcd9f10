"""What the server says that it serves."""

from tests.emulator.kube.contract.core import Server, check
from tests.emulator.kube.contract.gadgets import GROUP, KIND, PLURAL


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
