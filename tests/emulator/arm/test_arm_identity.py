"""Sign-in as clients do it, and ARM's responses to a caller without a valid token."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from nsg_emulator.arm.messages import ArmRequest
from nsg_emulator.arm.tokens import read
from tests.emulator.arm.direct import API, NSGS, ORIGIN, SUBSCRIPTION, WEB, Azure, nsg
from tests.emulator.arm.direct import azure as make_azure

TENANT = "33333333-3333-3333-3333-333333333333"
SCOPE = "https://management.azure.com/.default"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
APP = {"client_id": "app-1", "scope": SCOPE, "grant_type": "client_credentials"}


def sign_in(
    azure: Azure, form: Mapping[str, str], path: str = "oauth2/v2.0/token", tenant: str = TENANT
) -> tuple[int, Any]:
    request = ArmRequest("POST", f"/{tenant}/{path}", {}, {}, urlencode(form).encode(), origin=ORIGIN)
    response = azure.emulator.handle(request).response
    return response.status, msgspec.json.decode(response.encoded())


def claims(azure: Azure, token: str) -> Mapping[str, Any]:
    return read(f"Bearer {token}", origin=ORIGIN, tenant=TENANT, now=azure.clock.now).claims


@pytest.mark.parametrize(
    "proof",
    [{"client_secret": "s"}, {"client_assertion": "a.b.c", "client_assertion_type": ASSERTION}],
    ids=["secret", "federated"],
)
def test_an_application_signs_in(azure: Azure, proof: dict[str, str]) -> None:
    status, answer = sign_in(azure, APP | proof)
    assert (status, answer["token_type"], answer["expires_in"]) == (200, "Bearer", 3599)
    token_claims = claims(azure, answer["access_token"])
    assert (token_claims["appid"], token_claims["idtyp"], token_claims["tid"], token_claims["aud"]) == (
        "app-1",
        "app",
        TENANT,
        "https://management.azure.com",
    )
    assert token_claims["iss"] == f"https://sts.windows.net/{TENANT}/"
    assert "upn" not in token_claims
    azure.token = answer["access_token"]
    assert azure("GET", NSGS).status == 200


def test_a_user_signs_in_and_uses_a_refresh_token(azure: Azure) -> None:
    form = {
        "client_id": "cli",
        "scope": SCOPE,
        "grant_type": "password",
        "username": "jane.doe@contoso.example",
        "password": "p",
    }
    _, answer = sign_in(azure, form)
    token_claims = claims(azure, answer["access_token"])
    assert (token_claims["upn"], token_claims["name"], token_claims["idtyp"]) == (
        "jane.doe@contoso.example",
        "Jane Doe",
        "user",
    )
    assert answer["id_token"].count(".") == 2
    again = {
        "client_id": "cli",
        "scope": SCOPE,
        "grant_type": "refresh_token",
        "refresh_token": answer["refresh_token"],
    }
    assert claims(azure, sign_in(azure, again)[1]["access_token"])["oid"] == token_claims["oid"]


def test_the_first_version_of_the_endpoint_names_a_resource_and_answers_in_text(azure: Azure) -> None:
    resource = "https://management.core.windows.net/"
    form = {"client_id": "app-1", "client_secret": "s", "grant_type": "client_credentials", "resource": resource}
    _, answer = sign_in(azure, form, "oauth2/token")
    assert (answer["resource"], answer["expires_in"]) == (resource, "3599")
    assert claims(azure, answer["access_token"])["aud"] == resource


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        (APP, 401, "invalid_client"),
        (APP | {"client_secret": "wrong"}, 401, "invalid_client"),
        (APP | {"client_assertion": "a.b.c"}, 400, "invalid_request"),
        ({"client_id": "x", "grant_type": "device_code"}, 400, "unsupported_grant_type"),
        ({"client_id": "x", "grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_an_invalid_sign_in_is_refused(form: dict[str, str], status: int, error: str) -> None:
    status, answer = sign_in(make_azure(secrets={"app-1": "right"}), form)
    assert (status, answer["error"]) == (status, error)
    assert answer["error_description"].startswith("AADSTS")


def test_the_tenant_common_is_the_emulators_own(azure: Azure) -> None:
    _, answer = sign_in(azure, APP | {"client_secret": "s"}, tenant="common")
    assert claims(azure, answer["access_token"])["tid"] == azure.emulator.settings.tenant


def test_discovery_returns_the_token_endpoint_at_the_same_address(azure: Azure) -> None:
    for path in (f"/{TENANT}/v2.0/.well-known/openid-configuration", f"/{TENANT}/.well-known/openid-configuration"):
        document = azure("GET", path).body
        assert document["token_endpoint"] == f"{ORIGIN}/{TENANT}/oauth2/v2.0/token"
        assert document["issuer"].startswith(f"{ORIGIN}/{TENANT}")
    assert azure("GET", "/common/discovery/instance").body["metadata"][0]["aliases"] == ["localhost:8443"]


def test_the_metadata_of_the_cloud_has_a_shape_for_each_version(azure: Azure) -> None:
    shapes = {
        version: azure("GET", "/metadata/endpoints", query={"api-version": version}).body
        for version in ("2015-01-01", "2019-05-01", "2022-09-01")
    }
    assert shapes["2015-01-01"]["authentication"]["loginEndpoint"] == ORIGIN
    assert shapes["2019-05-01"][0]["resourceManager"] == ORIGIN
    assert shapes["2022-09-01"]["resourceManager"] == shapes["2022-09-01"]["authentication"]["loginEndpoint"] == ORIGIN


def test_subscriptions_and_tenants_are_listed(azure: Azure) -> None:
    assert [item["id"] for item in azure("GET", "/subscriptions").body["value"]] == [SUBSCRIPTION]
    assert azure("GET", SUBSCRIPTION).body["state"] == "Enabled"
    assert azure("GET", "/tenants").body["value"][0]["tenantId"] == azure.emulator.settings.tenant


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Bearer", "InvalidAuthenticationToken"),
        ("Bearer nonsense", "InvalidAuthenticationToken"),
        ("Bearer a.b.c", "InvalidAuthenticationToken"),
        ("Basic dXNlcjpwYXNz", "InvalidAuthenticationToken"),
    ],
)
def test_requests_without_a_valid_token_are_refused(azure: Azure, authorization: str, code: str) -> None:
    for method, path in (("GET", NSGS), ("PUT", WEB), ("GET", "/subscriptions")):
        answer = azure(method, path, nsg(), headers={"authorization": authorization})
        assert (answer.status, answer.code) == (401, code)
        assert f'authorization_uri="{ORIGIN}/' in answer.headers["WWW-Authenticate"]
    assert not azure.emulator.store.nsgs


def test_a_token_expires(azure: Azure) -> None:
    azure.clock.tick(3598)
    assert azure("GET", NSGS).status == 200
    azure.clock.tick(2)
    assert azure("GET", NSGS).code == "ExpiredAuthenticationToken"


def test_a_token_for_another_audience_is_refused(azure: Azure) -> None:
    _, answer = sign_in(azure, APP | {"client_secret": "s", "scope": "https://vault.azure.net/.default"})
    azure.token = answer["access_token"]
    assert azure("GET", NSGS).code == "InvalidAuthenticationTokenAudience"


def test_a_token_for_the_emulators_own_address_is_accepted(azure: Azure) -> None:
    """The SDK asks for a token for its base_url."""
    _, answer = sign_in(azure, APP | {"client_secret": "s", "scope": "https://127.0.0.1:8443/.default"})
    azure.token = answer["access_token"]
    assert azure("GET", NSGS).status == 200


@pytest.mark.parametrize(
    ("version", "code"), [("", "MissingApiVersionParameter"), ("latest", "InvalidApiVersionParameter")]
)
def test_an_api_version_is_required(azure: Azure, version: str, code: str) -> None:
    answer = azure("GET", NSGS, query={"api-version": version})
    assert (answer.status, answer.code) == (400, code)


def test_responses_have_the_ids_and_limits_that_clients_log(azure: Azure) -> None:
    azure("PUT", WEB, nsg())
    kinds = {"GET": "reads", "PUT": "writes", "DELETE": "deletes"}
    for method, kind in kinds.items():
        headers = azure(
            method, WEB, nsg(), headers={"x-ms-client-request-id": "mine", "x-ms-correlation-request-id": "corr"}
        ).headers
        assert int(headers[f"x-ms-ratelimit-remaining-subscription-global-{kind}"]) > 0
        assert (headers["x-ms-client-request-id"], headers["x-ms-correlation-request-id"]) == ("mine", "corr")
        assert headers["x-ms-request-id"] in headers["x-ms-routing-request-id"]


def test_the_request_log_names_the_caller_and_the_request(azure: Azure) -> None:
    azure("PUT", WEB, nsg(), headers={"if-match": "*", "user-agent": "tester/1"})
    [record] = azure.emulator.requests.records
    assert (record.method, record.path, record.status, record.etag, record.user_agent) == (
        "PUT",
        WEB,
        412,
        "*",
        "tester/1",
    )
    assert (record.caller, record.query) == ("11111111-aaaa-4000-8000-000000000001", f"api-version={API}")
    azure("GET", NSGS)
    assert (azure.emulator.requests.total(), azure.emulator.requests.total("GET")) == (2, 1)
    azure.emulator.requests.reset()
    assert azure.emulator.requests.total() == 0
