"""Reads YAML and JSON as Kubernetes does, and keeps the line of each field."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from typing_extensions import override

from nsg_baseline.cli.failure import Failure

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # the C loader, where there is one
    """Keeps timestamps as text, as in JSON, and rejects duplicate keys."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as declared in PyYAML
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    @override
    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        keys: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if key.value in keys:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key.value}", key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


# Strings that a YAML 1.1 or 1.2 parser may read as a boolean, null or number; kubectl reads 10e12 as a number.
_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "~", "nan", "inf")
_AMBIGUOUS = re.compile(rf"[-+.]?\d.*|\.?({'|'.join(_WORDS)})|[-+]\.?inf", re.IGNORECASE | re.DOTALL)


class _Dumper(yaml.SafeDumper):
    """Quotes each string, including keys, that a YAML parser could read as another type."""

    @override
    def represent_str(self, data: str) -> Any:
        style = "'" if _AMBIGUOUS.fullmatch(data) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(str, _Dumper.represent_str)


def dump_manifest(document: Any) -> str:
    """Return a Kubernetes object as YAML that all YAML parsers read alike."""
    return str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120))


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a file. `node` is its YAML node, with line numbers."""

    file: str
    value: Any
    node: Any

    def line(self, field: str = "") -> int:
        """Return the line of a field such as spec.rules[3].priority, or of its closest existing parent."""
        node, place = self.node, self.node
        for step in re.findall(r"[^.\[\]]+", field):
            deeper = _child(node, step)
            if deeper is None:
                break
            # A block starts on the line after its key, but users look for the key.
            node, place = deeper, _key(node, step) or deeper
        return int(place.start_mark.line) + 1

    def at(self, field: str = "") -> str:
        """Return `file:line` of a field."""
        return f"{self.file}:{self.line(field)}"

    def inner(self, field: str, index: int) -> "Document":
        """Return an item of a list in the document as a separate document."""
        return Document(self.file, self.value[field][index], _child(_child(self.node, field), str(index)))


def read_documents(file: str, text: str) -> Iterator[Document]:
    """Yield the documents of a YAML stream or of JSON, and the items of a `kind: List`.

    Raises:
        Failure: the text cannot be parsed; the message names file and line.
    """
    try:
        for value, node in _parsed(text):
            document = Document(file, value, node)
            if isinstance(value, dict) and value.get("kind") == "List":
                # A list that is skipped would leave its NSGs unwatched.
                if not isinstance(value.get("items"), list):
                    raise Failure(f"{document.at('items')}: items: must be a list")
                yield from (document.inner("items", index) for index in range(len(value["items"])))
            elif value is not None:
                yield document
    except yaml.MarkedYAMLError as error:
        position = error.problem_mark
        problem = _explained(error.problem or "not YAML")
        raise Failure(f"{file}:{position.line + 1 if position else 1}: invalid YAML: {problem}") from None
    except yaml.YAMLError:
        raise Failure(f"{file}:1: not YAML or JSON; save it as UTF-8 text") from None


def _explained(problem: str) -> str:
    """Return a problem of the YAML parser with its fix."""
    fixes = {
        "found character that cannot start any token": "; indent with spaces, and quote texts that start with @ or %",
        "could not determine a constructor for the tag": "; remove the tag, which Kubernetes does not support",
    }
    return problem + next((fix for start, fix in fixes.items() if problem.startswith(start)), "")


def _parsed(text: str) -> Iterator[tuple[Any, Any]]:
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            yield loader.construct_document(node), node
    finally:
        loader.dispose()


def _child(node: Any, step: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
        return node.value[int(step)]
    return None


def _key(node: Any, step: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((key for key, _ in node.value if key.value == step), None)
    return None
