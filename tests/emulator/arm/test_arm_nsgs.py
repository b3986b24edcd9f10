"""Behaviour of NSGs that clients depend on: one etag, guarded writes, operations, and read-only properties."""

import pytest

from tests.emulator.arm.direct import GROUP, NSGS, ORIGIN, SUBSCRIPTION, WEB, Azure, nsg, rule
from tests.emulator.arm.direct import azure as make_azure


def test_a_put_is_updating_until_its_operation_is_polled(azure: Azure) -> None:
    made = azure("PUT", WEB, nsg(rule()))
    assert (made.status, made.body["properties"]["provisioningState"]) == (201, "Updating")
    assert "Location" not in made.headers
    assert azure.poll(made).body == {"status": "Succeeded"}
    shown = azure("GET", WEB)
    assert shown.body["properties"]["provisioningState"] == "Succeeded"
    assert shown.body["etag"] != made.body["etag"], (
        "Azure writes once more when the operation ends: the etag of a PUT is no guard"
    )


def test_an_operation_takes_as_long_as_was_set() -> None:
    azure = make_azure(operation_delay=30, retry_after=7)
    made = azure("PUT", WEB, nsg(rule()))
    azure.clock.tick(29)
    running = azure.poll(made)
    assert (running.body, running.headers["Retry-After"]) == ({"status": "InProgress"}, "7")
    assert azure("GET", WEB).body["properties"]["provisioningState"] == "Updating"
    azure.clock.tick(1)
    assert azure.poll(made).body == {"status": "Succeeded"}
    assert azure("GET", WEB).body["properties"]["provisioningState"] == "Succeeded"


def test_an_nsg_with_two_writes_is_updating_until_both_have_ended() -> None:
    """Both are taken, as recorded with two rules."""
    azure = make_azure(operation_delay=10)
    azure("PUT", WEB, nsg())
    azure.clock.tick(10)
    azure("PUT", f"{WEB}/securityRules/one", {"properties": rule(priority=100)})
    azure.clock.tick(5)
    azure("PUT", f"{WEB}/securityRules/two", {"properties": rule(priority=101)})
    azure.clock.tick(5)
    assert azure("GET", WEB).body["properties"]["provisioningState"] == "Updating"
    azure.clock.tick(5)
    shown = azure("GET", WEB).body["properties"]
    assert shown["provisioningState"] == "Succeeded"
    assert [item["name"] for item in shown["securityRules"]] == ["one", "two"]


def test_every_rule_has_the_etag_of_its_nsg_and_every_change_renews_it(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule(), rule(priority=101)))
    before = azure("GET", WEB)
    azure("PUT", f"{WEB}/securityRules/r0", {"properties": rule(priority=200)})
    after = azure("GET", WEB)
    properties = after.body["properties"]
    etags = {item["etag"] for item in (*properties["securityRules"], *properties["defaultSecurityRules"])}
    assert (
        etags
        == {after.body["etag"]}
        == {after.headers["ETag"]}
        == {azure("GET", f"{WEB}/securityRules/r1").headers["ETag"]}
    )
    assert after.body["etag"] != before.body["etag"]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("etag", ['W/"other"', '"other"', "other"])
def test_a_write_with_a_stale_etag_is_refused_and_changes_nothing(azure: Azure, method: str, etag: str) -> None:
    azure("PUT", WEB, nsg(rule()))
    before = azure("GET", WEB)
    refused = azure(method, WEB, nsg(), headers={"if-match": etag})
    assert (refused.status, refused.code) == (412, "PreconditionFailed")
    versions = f'Etag provided in if-match header W/"other" does not match etag {before.body["etag"]}'
    message = f"{versions} of resource {WEB} in NRP data store."
    assert refused.body["error"]["details"] == [{"code": "PreconditionFailedEtagMismatch", "message": message}]
    assert azure("GET", WEB).body == before.body


@pytest.mark.parametrize("form", ["{}", "*"])
def test_a_write_with_the_current_etag_or_a_star_is_accepted(azure: Azure, form: str) -> None:
    azure("PUT", WEB, nsg(rule()))
    etag = azure("GET", WEB).body["etag"]
    assert azure("PUT", WEB, nsg(), headers={"if-match": form.format(etag)}).status == 200


def test_if_match_fails_if_the_nsg_does_not_exist(azure: Azure) -> None:
    """A guarded PUT after a deletion must not create the group again."""
    assert azure("PUT", WEB, nsg(), headers={"if-match": "*"}).status == 412
    assert azure("DELETE", WEB, headers={"if-match": 'W/"x"'}).status == 412
    assert azure("GET", WEB).status == 404


def test_if_none_match_creates_only(azure: Azure) -> None:
    assert azure("PUT", WEB, nsg(), headers={"if-none-match": "*"}).status == 201
    assert azure("PUT", WEB, nsg(), headers={"if-none-match": "*"}).status == 412


def test_the_first_of_two_guarded_writes_wins(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    etag = azure("GET", WEB).body["etag"]
    answers = [azure("PUT", WEB, nsg(rule(priority=100 + n)), headers={"if-match": etag}).status for n in range(2)]
    assert answers == [200, 412]


def test_paths_match_without_case_and_names_keep_their_case(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule()))
    for path in (WEB.upper(), WEB.lower(), WEB.replace("resourceGroups", "resourcegroups"), f"{WEB}/"):
        assert azure("GET", path).body["id"] == WEB
    assert azure("PUT", WEB.replace("/web", "/WEB"), nsg(rule(), rule(priority=101))).status == 200
    assert [item["id"] for item in azure("GET", NSGS).body["value"]] == [WEB]
    assert azure("GET", f"{WEB}/SecurityRules/R0").body["name"] == "r0"


def test_tags_alone_are_changed_at_once(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule()))
    put = azure("PUT", WEB, nsg(rule(), tags={"env": "prod"}))
    assert (put.status, put.body["properties"]["provisioningState"], put.body["tags"]) == (
        200,
        "Succeeded",
        {"env": "prod"},
    )
    patched = azure("PATCH", WEB, {"tags": {"env": "test"}})
    assert (patched.status, patched.body["tags"]) == (200, {"env": "test"})
    assert "Azure-AsyncOperation" not in patched.headers
    shown = azure("GET", WEB).body
    assert (shown["etag"], len(shown["properties"]["securityRules"])) == (patched.body["etag"], 1)


def test_a_put_without_tags_removes_them_and_the_key(azure: Azure) -> None:
    azure("PUT", WEB, nsg(tags={"env": "prod"}))
    azure("PUT", WEB, nsg())
    assert "tags" not in azure("GET", WEB).body


def test_unknown_properties_are_kept_and_associations_are_read_only(azure: Azure) -> None:
    subnet = {"id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"}
    azure.emulator.add_nsg(
        {"id": WEB, "location": "westeurope", "properties": {"subnets": [subnet], "networkInterfaces": []}}
    )
    body = nsg({**rule(), "futureField": [1]})
    body["properties"] |= {"flushConnection": True, "subnets": []}
    azure("PUT", WEB, body)
    properties = azure("GET", WEB).body["properties"]
    assert properties["flushConnection"] is True
    assert properties["subnets"] == [subnet]
    assert "networkInterfaces" not in properties, "an empty association is absent"
    assert properties["securityRules"][0]["properties"]["futureField"] == [1]


def test_a_group_in_use_is_not_deleted(azure: Azure) -> None:
    users = {"subnets": [{"id": "/s"}], "networkInterfaces": [{"id": "/n"}]}
    azure.emulator.add_nsg({"id": WEB, "location": "westeurope", "properties": users})
    refused = azure("DELETE", WEB)
    assert (refused.status, refused.code) == (400, "InUseNetworkSecurityGroupCannotBeDeleted")
    assert "/s, /n" in refused.message
    assert azure("GET", WEB).status == 200


def test_a_deleted_nsg_exists_until_its_operation_ends() -> None:
    azure = make_azure(operation_delay=5)
    azure("PUT", WEB, nsg())
    azure.clock.tick(5)
    deleted = azure("DELETE", WEB)
    assert (deleted.status, deleted.body) == (202, None)
    result = deleted.headers["Location"].removeprefix(ORIGIN)
    assert azure("GET", result).status == 202
    assert azure("GET", WEB).body["properties"]["provisioningState"] == "Deleting"
    assert azure("PUT", WEB, nsg()).code == "RetryableError", "what is going cannot be written"
    azure.clock.tick(5)
    assert azure("GET", result).status == 204
    assert azure("GET", WEB).code == "ResourceNotFound"
    assert azure("DELETE", WEB).status == 204, "nothing to delete is no error in a group that exists"


def test_rules_are_put_replaced_listed_and_deleted_one_by_one(azure: Azure) -> None:
    azure("PUT", WEB, nsg(rule()))
    made = azure("PUT", f"{WEB}/securityRules/ssh", {"properties": rule(priority=200)})
    assert (made.status, made.body["name"], made.body["properties"]["provisioningState"]) == (201, "ssh", "Updating")
    assert azure("PUT", f"{WEB}/securityRules/SSH", {"properties": rule(priority=300)}).status == 200
    listed = azure("GET", f"{WEB}/securityRules").body["value"]
    assert [(item["name"], item["properties"]["priority"]) for item in listed] == [("r0", 100), ("ssh", 300)]
    assert azure("DELETE", f"{WEB}/securityRules/ssh").status == 202
    assert azure("DELETE", f"{WEB}/securityRules/ssh").status == 204
    missing = azure("GET", f"{WEB}/securityRules/ssh")
    assert (missing.status, missing.code, missing.message) == (
        404,
        "NotFound",
        f"Resource {WEB}/securityRules/ssh not found.",
    )


def test_the_default_rules_can_be_read_and_not_written(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    names = [item["name"] for item in azure("GET", f"{WEB}/defaultSecurityRules").body["value"]]
    assert len(names) == 6
    assert azure("GET", f"{WEB}/defaultSecurityRules/denyallinbound").body["properties"]["priority"] == 65500
    assert azure("PUT", f"{WEB}/defaultSecurityRules/DenyAllInBound", {}).status == 405


def test_each_kind_of_absence_has_its_own_404(azure: Azure) -> None:
    """A watcher may conclude a deletion from the first two only, so they must not be mixed up with others."""
    gone = azure("GET", WEB)
    assert (gone.status, gone.code, gone.headers["x-ms-failure-cause"]) == (404, "ResourceNotFound", "gateway")
    assert "under resource group 'rg-web'" in gone.message
    no_group = WEB.replace("rg-web", "rg-none")
    assert [azure(method, no_group, nsg()).code for method in ("GET", "PUT", "DELETE")] == ["ResourceGroupNotFound"] * 3
    assert azure("GET", WEB.replace("1111-1111", "1111-2222")).code == "SubscriptionNotFound"


def test_a_path_that_is_not_emulated_does_not_read_as_absent(azure: Azure) -> None:
    """Terraform reads 404 on `{group}/resources` as an empty group and deletes it with a foreign NSG inside."""
    path = f"{GROUP}/resources"
    refused = azure("GET", path)
    assert (refused.status, refused.code) == (501, "NotEmulated")
    assert f"GET {path}" in refused.message
    azure("GET", path)
    assert dict(azure.emulator.requests.not_emulated) == {f"GET {path}": 2}
    azure("GET", WEB)
    assert len(azure.emulator.requests.not_emulated) == 1, "an NSG that does not exist is emulated"


def test_a_location_is_required_and_cannot_change(azure: Azure) -> None:
    assert azure("PUT", WEB, {"properties": {}}).code == "LocationRequired"
    assert azure("PUT", WEB, nsg(location="West Europe")).body["location"] == "westeurope"
    assert azure("PUT", WEB, nsg(location="northeurope")).code == "InvalidResourceLocation"


@pytest.mark.parametrize(
    "body", [[], "text", {"location": "westeurope", "tags": {"a": 1}}, {"location": "westeurope", "tags": []}]
)
def test_an_invalid_body_is_refused(azure: Azure, body: object) -> None:
    assert azure("PUT", WEB, body).code == "InvalidRequestContent"


def test_a_deleted_resource_group_deletes_its_nsgs(azure: Azure) -> None:
    other = f"{SUBSCRIPTION}/resourcegroups/rg-db"
    assert azure("PUT", other, {"location": "northeurope", "tags": {"a": "b"}}).status == 201
    assert azure("PUT", other, {"location": "northeurope"}).status == 200
    assert azure("HEAD", other).status == 204
    assert [item["name"] for item in azure("GET", f"{SUBSCRIPTION}/resourcegroups").body["value"]] == [
        "rg-db",
        "rg-web",
    ]
    azure("PUT", WEB, nsg())
    assert azure("DELETE", GROUP).status == 202
    assert azure("HEAD", GROUP).status == 404
    assert azure("GET", WEB).code == "ResourceGroupNotFound"
    assert azure("GET", NSGS).code == "ResourceGroupNotFound"
    assert azure("PUT", f"{SUBSCRIPTION}/resourceGroups/rg-x", {}).code == "LocationRequired"
