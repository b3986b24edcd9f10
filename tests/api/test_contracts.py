"""Contracts of the CRDs: descriptions, names, and status fields that are both written and read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from nsg_baseline.api import baseline_status, changes, guardrail_status, incident, route, scope
from nsg_baseline.api.common import TIME_PATTERN, StatusShape
from nsg_baseline.api.crds import KINDS, definition
from nsg_baseline.api.patterns import PATTERN_WORDS
from nsg_baseline.api.schema import nodes

PACKAGE = Path(__file__).parents[2] / "operator" / "nsg_baseline"
BANNED = re.compile(
    r"\b(deviat\w*|strays?|weighs?|weight|turns?|told|tells? of|marks?|held|whoever|pass over|passed over|speaks? of|"
    r"put back|puts back|look|looks|looked|believed|heaviest)\b",
    re.IGNORECASE,
)
# People read these in `kubectl describe`; no code does.
SHOWN_ONLY = {"correlation_id", "in_use", "operation", "service_tags"}


def descriptions() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        version = definition(kind)["spec"]["versions"][0]
        for path, node in nodes(version["schema"]["openAPIV3Schema"]):
            if path != "metadata" and not path.endswith(("[]", ".*")):
                yield f"{kind.__name__} {path}", node.get("description", "")
        for column in version["additionalPrinterColumns"]:
            yield f"{kind.__name__} column {column['name']}", column["description"]


def test_every_pattern_of_a_spec_has_words() -> None:
    # Messages explain what is wrong. A regular expression does not.
    patterns = {
        f"{kind.__name__} {path}": node["pattern"]
        for kind in KINDS
        for path, node in nodes(definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        if path.startswith("spec") and "pattern" in node
    }
    assert len(patterns) > len(PATTERN_WORDS)
    assert [name for name, pattern in patterns.items() if pattern not in {*PATTERN_WORDS, TIME_PATTERN}] == []


def test_every_field_and_column_has_a_description() -> None:
    # `kubectl explain` prints it. Users would have to guess the meaning of a field without one.
    assert [name for name, text in descriptions() if not re.fullmatch(r"[A-Z`].*\.", text)] == []


def test_descriptions_keep_to_the_vocabulary() -> None:
    # Each of these words has a standard term in the glossary.
    assert [(name, text) for name, text in descriptions() if BANNED.search(text)] == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_short_names_name_their_kind(kind: type) -> None:
    # `nsgs` read as a list of NSGs and was a list of scopes.
    assert "nsgs" not in kind.short_names  # type: ignore[attr-defined]  # a Resource


def models() -> Iterator[type[BaseModel]]:
    for module in (baseline_status, changes, guardrail_status, incident, route, scope):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, StatusShape) and value.__module__ == module.__name__:
                yield value


def attributes_and_names() -> tuple[set[str], set[str]]:
    """Return the names that the package reads as attributes, and those that it passes or writes."""
    read: set[str] = set()
    written: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        if file.parent.name == "api":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Attribute(attr=name):
                    read.add(name)
                case ast.keyword(arg=str(name)):
                    written.add(name)
                case ast.Constant(value=str(name)):
                    written.add(name)
                    read.add(name)
                case _:
                    pass
    return read, written


def test_every_status_field_has_a_writer_and_a_reader() -> None:
    # NSGScope.status.incidents had no writer, and so misled its readers.
    read, written = attributes_and_names()
    columns = {step for kind in KINDS for column in kind.columns for step in re.findall(r"\w+", column.path)}
    fields = {(model.__name__, name, field.alias) for model in models() for name, field in model.model_fields.items()}
    assert [(model, name) for model, name, alias in sorted(fields) if not {name, alias} & written] == []
    unread = [
        (model, name)
        for model, name, alias in sorted(fields)
        if name not in read and alias not in columns and name not in SHOWN_ONLY
    ]
    assert unread == []
