"""Printer columns of `kubectl get`: none is blank, before the first reconcile or after it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nsg_baseline.api.baseline_status import BaselineStatus
from nsg_baseline.api.crds import KINDS, definition, render
from nsg_baseline.cli.yaml_files import read_documents
from nsg_baseline.core.decisions.baseline_status import unreconciled
from nsg_baseline.core.observations import Failure
from nsg_emulator.kube import KubeApi
from nsg_emulator.kube.jsonpath import first
from tests.api.objects import good

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml"))
COLUMNS = {kind.__name__: kind.columns for kind in KINDS}
DOCUMENTS = [
    pytest.param(document.value, id=f"{file.name}-{document.value['kind']}-{document.value['metadata']['name']}")
    for file in EXAMPLES
    for document in read_documents(str(file), file.read_text())
    if document.value["kind"] in COLUMNS
]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def blank_columns(stored: dict[str, Any]) -> list[str]:
    return [column.name for column in COLUMNS[stored["kind"]] if first(stored, column.path) in (None, "")]


def stored_form(document: dict[str, Any]) -> dict[str, Any]:
    """Return an object as the API server stores it, with the defaults of its schema."""
    api = KubeApi()
    for crd in render():
        api.apply(crd)
    for namespace in ("team-web", "nsg-baseline-system"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    stored: dict[str, Any] = api.apply(document)
    return stored


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_example_has_no_blank_column_before_the_first_reconcile(document: dict[str, Any]) -> None:
    # If the operator is down, a blank cell does not show it; Unknown and Pending do.
    assert blank_columns(stored_form(document)) == []


def test_an_incident_without_a_status_has_no_blank_column() -> None:
    # A crash between the creation of an incident and the write of its status leaves such an object.
    assert blank_columns(stored_form(good("NSGIncident", "drift-1"))) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_default_status_is_valid(kind: Any) -> None:
    # The API server accepts a default that the operator could not read back.
    model = kind.model_fields["status"].annotation
    assert model.model_validate(kind.initial_status) is not None
    served = definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]
    assert served["default"].keys() <= served["properties"].keys()


def test_a_baseline_that_was_never_compared_has_no_blank_column() -> None:
    # An invalid baseline gets a status although no verdict exists.
    refused = unreconciled(BaselineStatus(), Failure("NoScope", "no NSGScope covers it"), 1, NOW)
    assert blank_columns({**stored_form(good("NSGBaseline", "web")), "status": refused.document()}) == []
    assert refused.effective_mode == "Off"
