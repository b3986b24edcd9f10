"""The language of templates: a subset of Jinja that is checked node by node. Import it only in a child of the sender.

A template has no calls, arithmetic, macros, imports, and no filters or tests that are not listed. It reaches the
entries of JSON objects, the items of lists and the fields of `loop`, and no attribute of a Python object. All that it
prints goes through `printed`, which escapes what could forge a line; the operator escapes the result for the format of
the channel.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

from jinja2 import TemplateSyntaxError, Undefined, nodes
from jinja2.exceptions import UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from typing_extensions import override

from nsg_baseline.alerts.escaping import escape_controls
from nsg_baseline.alerts.sender.marks import LINK_STARTS
from nsg_baseline.alerts.sender.template_filters import FILTERS, MARKS
from nsg_baseline.alerts.sender.template_values import Absent, TemplateError, printed

NAMES = frozenset({"alert", "incident", "standard"})
"""The variables of a template."""
STANDARD_FIELDS = frozenset({"title", "lines", "link", "key"})
_LOOP_FIELDS = frozenset({"index", "index0", "first", "last", "length", "revindex"})
_TEST_NAMES = ("defined", "undefined", "eq", "equalto", "==", "ne", "!=", "in", "gt", "ge", "lt", "le")
_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign, nodes.Name, nodes.Const),
    *(nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Neg, nodes.Filter, nodes.Test, nodes.Keyword),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat, nodes.CondExpr),
    *(nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair),
)
MAX_DEPTH = 40
"""How deeply parts of a template may be nested. Jinja's parser and compiler are recursive."""


class Language(ImmutableSandboxedEnvironment):
    """An environment in which only entries of JSON objects, items of lists and fields of `loop` can be reached."""

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False, cache_size=0, undefined=Absent, finalize=printed
        )
        self.filters = dict(FILTERS)
        self.tests = {name: TESTS[name] for name in _TEST_NAMES}
        self.globals = {}

    @override
    def handle_exception(self, source: str | None = None) -> NoReturn:
        # Jinja would replace the traceback, which tells the line.
        raise  # noqa: PLE0704 - it is called while an exception is handled

    @override
    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    @override
    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        is_place = isinstance(argument, int) and isinstance(obj, list | tuple)
        if is_place and -len(obj) <= argument < len(obj):
            return obj[argument]
        if isinstance(obj, LoopContext) and argument in _LOOP_FIELDS:
            return getattr(obj, argument)
        if isinstance(obj, Undefined):
            raise UndefinedError(f"{obj._undefined_name} is undefined, and has no {argument}")  # noqa: SLF001
        return self.undefined(obj=obj, name=str(argument))


def parse(language: Language, source: str, fields: frozenset[str]) -> nodes.Template:
    """Return the tree of a template whose parts are all allowed.

    Args:
        language: The environment.
        source: The text of the template.
        fields: The names of the fields that values can have.

    Raises:
        TemplateError: The text is not a template, or contains what is not allowed.
    """
    try:
        tree = language.parse(source)
    except TemplateSyntaxError as error:
        raise TemplateError(str(error.message), error.lineno) from None
    except RecursionError:
        raise TemplateError("is nested too deeply") from None
    _check(language, tree, fields | STANDARD_FIELDS | _LOOP_FIELDS, 0)
    names = list(tree.find_all(nodes.Name))
    variables = NAMES | {"loop"} | {name.name for name in names if name.ctx == "store"}
    for name in names:
        if name.name not in variables:
            raise TemplateError(f"{name.name} is unknown; the variables are {', '.join(sorted(NAMES))}", name.lineno)
    for data in tree.find_all(nodes.TemplateData):
        data.data = "\n".join(map(escape_controls, data.data.replace("\t", "    ").split("\n")))
    return tree


def _check(language: Language, node: nodes.Node, fields: frozenset[str], depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TemplateError("is nested too deeply", node.lineno)
    if not isinstance(node, _NODES):
        raise TemplateError(f"{_words(node)} is not allowed", node.lineno)
    for kind, check in _CHECKS.items():
        if isinstance(node, kind):
            check(language, node, fields)
    for child in node.iter_child_nodes():
        is_last = isinstance(node, nodes.Output) and isinstance(child, nodes.Filter)
        if isinstance(child, nodes.Filter) and child.name in MARKS and not is_last:
            raise TemplateError(f"{child.name} must be the last filter of what is printed", child.lineno)
        _check(language, child, fields, depth + 1)


def _words(node: nodes.Node) -> str:
    return _WORDS.get(type(node), f"{type(node).__name__.lower()}")


_WORDS: Mapping[type[nodes.Node], str] = MappingProxyType(
    {
        nodes.Call: "a call, such as range(),",
        nodes.FromImport: "import",
        nodes.Add: "+ (use ~ to join texts)",
        nodes.Sub: "-",
        nodes.Mul: "*",
        nodes.Div: "/",
        nodes.FloorDiv: "//",
        nodes.Mod: "%",
        nodes.Pow: "**",
        nodes.Pos: "+",
        nodes.AssignBlock: "a set block",
        nodes.FilterBlock: "a filter block",
        nodes.CallBlock: "a call block",
        nodes.NSRef: "a namespace",
        nodes.Scope: "autoescape",
    }
)


def _check_filter(language: Language, node: Any, _: frozenset[str]) -> None:
    if node.name not in language.filters:
        names = ", ".join(sorted(language.filters))
        raise TemplateError(f"the filter {node.name} is unknown; the filters are {names}", node.lineno)
    _check_arguments(node)
    if node.name == "map" and node.args:
        raise TemplateError('map needs the name of a field: map(attribute="name")', node.lineno)
    if node.name == "link" and not (node.args and _is_safe_url(node.args[0])):
        raise TemplateError('link needs a URL that begins with a text such as "https://wiki.example.com/"', node.lineno)


def _is_safe_url(node: nodes.Expr) -> bool:
    """Return whether the template itself determines the host of a URL, or it is the link to the portal."""
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return (node.node.name, node.attr) == ("standard", "link")
    first = node.nodes[0] if isinstance(node, nodes.Concat) else node
    is_text = isinstance(first, nodes.Const) and isinstance(first.value, str)
    if not is_text or not first.value.startswith(LINK_STARTS):  # type: ignore[attr-defined]
        return False
    return first is node or "/" in first.value.partition("://")[2]  # type: ignore[attr-defined]


def _check_test(language: Language, node: Any, _: frozenset[str]) -> None:
    if node.name not in language.tests:
        names = ", ".join(name for name in sorted(language.tests) if name.isalpha())
        raise TemplateError(f"the test {node.name} is unknown; the tests are {names}", node.lineno)
    _check_arguments(node)


def _check_arguments(node: Any) -> None:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateError("* and ** in arguments are not allowed", node.lineno)


def _check_for(_: Language, node: Any, _fields: frozenset[str]) -> None:
    if node.recursive:
        raise TemplateError("a recursive loop is not allowed", node.lineno)
    _check_target(node.target)


def _check_assign(_: Language, node: Any, _fields: frozenset[str]) -> None:
    _check_target(node.target)


def _check_target(target: nodes.Node) -> None:
    if not isinstance(target, nodes.Name):
        raise TemplateError("only a single name can be assigned", target.lineno)


def _check_field(_: Language, node: Any, fields: frozenset[str]) -> None:
    name = node.attr if isinstance(node, nodes.Getattr) else None
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        name = node.arg.value
    if name is not None and name not in fields:
        raise TemplateError(f"no field is named {name}", node.lineno)


_CHECKS: Mapping[type[nodes.Node], Callable[[Language, Any, frozenset[str]], None]] = MappingProxyType(
    {
        nodes.Filter: _check_filter,
        nodes.Test: _check_test,
        nodes.For: _check_for,
        nodes.Assign: _check_assign,
        nodes.Getattr: _check_field,
        nodes.Getitem: _check_field,
    }
)
