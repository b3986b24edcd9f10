"""What the chart renders, without a cluster. After an intended change: `NSGB_UPDATE_GOLDEN=1 pytest tests/chart`."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from tests.cluster.programs import Program

pytestmark = pytest.mark.cluster

HERE = Path(__file__).parent
CASES = sorted(path.stem for path in (HERE / "cases").glob("*.yaml"))


def rendered(helm: Program, chart: Path, *arguments: str) -> list[dict[str, Any]]:
    out = helm("template", "release", chart, "--namespace", "ops", *arguments)
    return [document for document in yaml.safe_load_all(out) if document]


def test_helm_lint_reports_nothing(offline_helm: Program, chart: Path) -> None:
    output = offline_helm("lint", "--strict", chart)
    assert "0 chart(s) failed" in output


@pytest.mark.parametrize("case", CASES)
def test_rendered_templates_match_the_golden_files(offline_helm: Program, chart: Path, case: str) -> None:
    # The CRDs are left out: another test covers them, and they would hide the rest.
    values = HERE / "cases" / f"{case}.yaml"
    out = offline_helm("template", "release", chart, "-n", "ops", "-f", values, "--set", "crds.enabled=false")
    golden = HERE / "golden" / f"{case}.yaml"
    if os.environ.get("NSGB_UPDATE_GOLDEN"):
        golden.write_text(out)
    assert out == golden.read_text()


@pytest.mark.parametrize("case", CASES)
def test_notes_render(offline_helm: Program, chart: Path, case: str) -> None:
    # `helm template` skips NOTES.txt, so an error there would first appear at the installation.
    values = HERE / "cases" / f"{case}.yaml"
    out = offline_helm("install", "release", chart, "-n", "ops", "-f", values, "--dry-run=client", "-o", "json")
    assert "kind: NSGScope" in json.loads(out)["info"]["notes"]


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        pytest.param("replica=2", "replica", id="an unknown key is a typo, not a wish to ignore"),
        pytest.param("azure.workloadIdentity.clientID=x", "clientID", id="an unknown key inside"),
        pytest.param("azure.cloud=Azure", "cloud", id="an unknown cloud"),
        pytest.param("azure.workloadIdentity.clientId=me", "clientId", id="a client id that is no UUID"),
        pytest.param("azure.endpoint=arm.example.com", "endpoint", id="an address without scheme"),
        pytest.param("healthPort=80", "healthPort", id="a port that needs root"),
        pytest.param("rbac.secrets.namespaces={web}", "namespaces", id="namespaces that scope Cluster would ignore"),
        pytest.param("logging.level=loud", "level", id="an unknown level"),
    ],
)
def test_the_schema_refuses_an_invalid_value_and_names_its_field(
    offline_helm: Program, chart: Path, setting: str, field: str
) -> None:
    message = offline_helm.refusal("template", "release", chart, "--set", setting)
    assert "values don't meet the specifications of the schema" in message
    assert field in message


def test_an_existing_serviceaccount_must_be_named(offline_helm: Program, chart: Path) -> None:
    message = offline_helm.refusal("template", "release", chart, "--set", "serviceAccount.create=false")
    assert "serviceAccount.name" in message


def test_schema_and_values_have_the_same_keys(chart: Path) -> None:
    # A key in only one of them is either undocumented or refused.
    schema = json.loads((chart / "values.schema.json").read_text())["properties"]
    values = yaml.safe_load((chart / "values.yaml").read_text())
    assert _keys(schema) - {"global"} == _values_keys(values, schema)


def test_crds_equal_the_generated_ones_and_are_kept_at_uninstall(offline_helm: Program, chart: Path) -> None:
    canonical = {path.name: yaml.safe_load(path.read_text()) for path in (chart.parents[1] / "crds").glob("*.yaml")}
    crds = [d for d in rendered(offline_helm, chart) if d["kind"] == "CustomResourceDefinition"]
    assert {crd["metadata"]["annotations"].pop("helm.sh/resource-policy") for crd in crds} == {"keep"}
    for crd in crds:
        assert crd["metadata"].pop("labels")["app.kubernetes.io/managed-by"] == "Helm"
        if not crd["metadata"]["annotations"]:
            del crd["metadata"]["annotations"]
    by_name = {crd["metadata"]["name"]: crd for crd in crds}
    assert by_name == {crd["metadata"]["name"]: crd for crd in canonical.values()}
    assert len(by_name) == 5


def test_crds_can_be_disabled_or_deleted_at_uninstall(offline_helm: Program, chart: Path) -> None:
    without = rendered(offline_helm, chart, "--set", "crds.enabled=false")
    assert not [d for d in without if d["kind"] == "CustomResourceDefinition"]
    for crd in rendered(offline_helm, chart, "--set", "crds.keep=false", "--show-only", "templates/crds/crds.yaml"):
        assert "helm.sh/resource-policy" not in crd["metadata"].get("annotations", {})


def test_the_artifact_hub_annotation_lists_all_kinds(chart: Path) -> None:
    listed = yaml.safe_load(yaml.safe_load((chart / "Chart.yaml").read_text())["annotations"]["artifacthub.io/crds"])
    canonical = [yaml.safe_load(path.read_text()) for path in (chart.parents[1] / "crds").glob("*.yaml")]
    assert {(crd["name"], crd["kind"], crd["version"]) for crd in listed} == {
        (crd["metadata"]["name"], crd["spec"]["names"]["kind"], version["name"])
        for crd in canonical
        for version in crd["spec"]["versions"]
    }


def _keys(properties: dict[str, Any], prefix: str = "") -> set[str]:
    """Dotted names of all keys that the schema spells out."""
    keys: set[str] = set()
    for name, schema in properties.items():
        inner = schema.get("properties") if schema.get("additionalProperties") is False else None
        keys |= _keys(inner, f"{prefix}{name}.") if inner and name != "resources" else {prefix + name}
    return keys


def _values_keys(values: dict[str, Any], properties: dict[str, Any], prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for name, value in values.items():
        inner = properties.get(name, {}).get("properties")
        nested = inner and isinstance(value, dict) and name != "resources"
        keys |= _values_keys(value, inner, f"{prefix}{name}.") if nested else {prefix + name}
    return keys


def test_the_webhook_is_off_by_default(offline_helm: Program, chart: Path) -> None:
    # A webhook changes what the API server accepts, so nobody may get one unasked.
    assert not [d for d in rendered(offline_helm, chart) if "webhook" in d["metadata"]["name"].lower()]
    assert "ValidatingWebhookConfiguration" not in {d["kind"] for d in rendered(offline_helm, chart)}


def test_the_webhook_trusts_the_certificate_that_the_chart_makes(offline_helm: Program, chart: Path) -> None:
    # With another certificate the API server could not connect, and with Ignore nobody would notice.
    documents = rendered(offline_helm, chart, "--set", "webhook.enabled=true")
    by_kind = {document["kind"]: document for document in documents}
    (webhook,) = by_kind["ValidatingWebhookConfiguration"]["webhooks"]
    secret = next(d for d in documents if d["kind"] == "Secret")
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["clientConfig"]["caBundle"] == secret["data"]["tls.crt"]
    service = webhook["clientConfig"]["service"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"{service['name']}.{service['namespace']}.svc"]
    assert by_kind["Service"]["metadata"]["name"] == service["name"]
    pod = by_kind["Deployment"]["spec"]["template"]["spec"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "webhook"]
    assert volume["secret"] == {"secretName": secret["metadata"]["name"], "optional": True}
    assert {"name": "webhook", "containerPort": 9443} in pod["containers"][0]["ports"]


def test_the_webhook_uses_an_existing_certificate(offline_helm: Program, chart: Path) -> None:
    # cert-manager renews it and injects its CA.
    values = ("webhook.enabled=true", "webhook.certificate.secretName=cert", "webhook.annotations.a=b")
    settings = [part for value in values for part in ("--set", value)]
    documents = rendered(offline_helm, chart, *settings)
    assert "Secret" not in {document["kind"] for document in documents}
    configuration = next(d for d in documents if d["kind"] == "ValidatingWebhookConfiguration")
    assert configuration["metadata"]["annotations"] == {"a": "b"}
    assert "caBundle" not in configuration["webhooks"][0]["clientConfig"]
