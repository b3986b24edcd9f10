"""Judges the `x-kubernetes-validations` rules of a schema with cel-python, as a validator for the embedded API.

A rule is compiled once, and remembers its verdicts. As in the real server, what an update leaves as it was is not
judged again. Not understood: `optionalOldSelf`, and of CEL's optional syntax all but `a.?b.orValue(c)`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import celpy
import celpy.adapter
import msgspec
from celpy import celtypes
from celpy.evaluation import CELEvalError

from tests.support.cel_library import FUNCTIONS
from tests.support.cel_runner import LazyRunner

Obj: TypeAlias = dict[str, Any]

_ABSENT: Any = object()
_MOST_VERDICTS = 20_000
_ENVIRONMENT = celpy.Environment(runner_class=LazyRunner)
_ENCODER = msgspec.json.Encoder(order="deterministic")
_OPTIONAL = re.compile(r"\b(\w+(?:\.\w+)*)\.\?(\w+)\.orValue\(([^()]*)\)")
_OLD = re.compile(r"\boldSelf\b")
_RESERVED = frozenset(
    (
        *("true", "false", "null", "in", "as", "break", "const"),
        *("continue", "else", "for", "function", "if", "import", "let"),
        *("loop", "package", "namespace", "return", "var", "void", "while"),
    )
)
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_WORDS = {
    "FieldValueInvalid": "Invalid value",
    "FieldValueRequired": "Required value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueDuplicate": "Duplicate value",
}


@dataclass(slots=True)
class _Rule:
    """One rule of one schema."""

    schema: Obj
    text: str
    program: celpy.Runner
    message: str
    expression: celpy.Runner | None
    reason: str
    path: str
    verdicts: dict[tuple[bytes, bytes], str] = field(default_factory=dict)

    @property
    def is_transition(self) -> bool:
        return _OLD.search(self.text) is not None

    def fault(self, value: Any, old: Any) -> str:
        """Return what is wrong, or nothing."""
        compared = old if self.is_transition else None
        key = (_ENCODER.encode(value), _ENCODER.encode(compared))
        if key not in self.verdicts:
            if len(self.verdicts) >= _MOST_VERDICTS:
                self.verdicts.clear()
            self.verdicts[key] = self._judge(value, compared)
        return self.verdicts[key]

    def _judge(self, value: Any, old: Any) -> str:
        variables = {"self": _to_cel(self.schema, value), "oldSelf": _to_cel(self.schema, old)}
        try:
            if self.program.evaluate(variables):
                return ""
            message = str(self.expression.evaluate(variables)) if self.expression else ""
        except CELEvalError as error:
            return f"{error.args[0]} evaluating rule: {self.message or self.text}"
        return message or self.message or f"failed rule: {self.text}"


@dataclass(frozen=True, slots=True)
class _Node:
    """A schema with its compiled rules; holding the schema keeps its id from being used again."""

    schema: Obj
    rules: tuple[_Rule, ...]
    ruled: bool
    """Whether there are rules here or below."""


_NODES: dict[int, _Node] = {}


def judge(schema: Obj, new: Obj, old: Obj | None) -> Sequence[str]:
    """Return what the rules of a schema find wrong, each as `path: Reason: words`."""
    return list(_judge(schema, new, _ABSENT if old is None else old, ""))


def _judge(schema: Obj, value: Any, old: Any, path: str) -> Iterator[str]:
    node = _node(schema)
    if not node.ruled or value is None or value == old:
        return
    for rule in node.rules:
        if (old is not _ABSENT or not rule.is_transition) and (words := rule.fault(value, old)):
            shown = "" if isinstance(value, dict | list) else f": {_ENCODER.encode(value).decode()}"
            yield f"{path}{rule.path}: {_WORDS[rule.reason]}{shown}: {words}"
    for name, inner, part, before in _parts(schema, value, old):
        yield from _judge(inner, part, before, f"{path}{name}".removeprefix("."))


def _parts(schema: Obj, value: Any, old: Any) -> Iterator[tuple[str, Obj, Any, Any]]:
    """Yield path, schema, value and old value of every part; only items of list-maps can be told to have been there."""
    if isinstance(value, dict):
        free = schema.get("additionalProperties")
        for name, part in value.items():
            inner = schema.get("properties", {}).get(name, free if isinstance(free, dict) else None)
            if inner is not None:
                yield f".{name}", inner, part, old.get(name, _ABSENT) if isinstance(old, dict) else _ABSENT
    elif isinstance(value, list) and "items" in schema:
        keys = schema.get("x-kubernetes-list-map-keys", [])
        old_items = {_key(keys, item): item for item in old} if keys and isinstance(old, list) else {}
        for at, item in enumerate(value):
            yield f"[{at}]", schema["items"], item, old_items.get(_key(keys, item), _ABSENT) if keys else _ABSENT


def _key(keys: Sequence[str], item: Obj) -> bytes:
    return _ENCODER.encode([item.get(key) for key in keys])


def _node(schema: Obj) -> _Node:
    node = _NODES.get(id(schema))
    if node is None or node.schema is not schema:
        rules = tuple(_compile(schema, rule) for rule in schema.get("x-kubernetes-validations", ()))
        node = _NODES[id(schema)] = _Node(
            schema, rules, bool(rules) or any(_node(inner).ruled for inner in _inner(schema))
        )
    return node


def _inner(schema: Obj) -> Iterator[Obj]:
    yield from schema.get("properties", {}).values()
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield schema[name]


def _compile(schema: Obj, rule: Obj) -> _Rule:
    if rule.get("optionalOldSelf"):
        raise ValueError(f"optionalOldSelf is not understood here: {rule['rule']}")
    expression = rule.get("messageExpression")
    return _Rule(
        schema=schema,
        text=rule["rule"].strip(),
        program=_program(rule["rule"]),
        message=rule.get("message", ""),
        expression=_program(expression) if expression else None,
        reason=rule.get("reason", "FieldValueInvalid"),
        path=rule.get("fieldPath", ""),
    )


def _program(text: str) -> celpy.Runner:
    spelled = _OPTIONAL.sub(r"(has(\1.\2) ? \1.\2 : \3)", text)
    return _ENVIRONMENT.program(_ENVIRONMENT.compile(spelled), functions=FUNCTIONS)


def _to_cel(schema: Obj, value: Any) -> Any:
    """Convert a value as its schema says: times and durations are not strings in CEL, and fields are escaped."""
    if isinstance(value, dict):
        free, declared = schema.get("additionalProperties"), schema.get("properties", {})
        parts = {
            _escape(name) if name in declared else name: _to_cel(
                declared.get(name, free if isinstance(free, dict) else {}), part
            )
            for name, part in value.items()
        }
        return celtypes.MapType({celtypes.StringType(name): part for name, part in parts.items()})
    if isinstance(value, list):
        return celtypes.ListType([_to_cel(schema.get("items", {}), item) for item in value])
    if isinstance(value, str) and schema.get("format") in ("date-time", "datetime"):
        # The library accepts upper case only.
        return celtypes.TimestampType(value.upper())
    if isinstance(value, str) and schema.get("format") == "duration":
        return celtypes.DurationType(value)
    return celpy.adapter.json_to_cel(value)


def _escape(name: str) -> str:
    if name in _RESERVED:
        return f"__{name}__"
    return re.sub("__|[./-]", lambda match: _ESCAPES[match[0]], name)
