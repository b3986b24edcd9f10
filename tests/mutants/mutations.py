"""The mutants of a source file: mutmut's operators, applied to the whole file.

`mutmut run` itself does not fit here. It switches mutants inside functions at call time, but many tables of the tests
are computed when a test file is imported; it leaves out module constants and decorated functions; and it derives
module names from paths, which fails below `operator/`.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, MutationVisitor
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode

from tests.mutants.functions import Function, enclosing, functions, text


@dataclass(frozen=True)
class Mutant:
    """One change of a source file.

    `before` and `after` are the changed lines as `functions.text` gives them, `number` tells apart equal changes of
    one function, `first` and `last` are the changed node's lines, `source` is the whole mutated file.
    """

    path: Path
    function: Function
    before: str
    after: str
    number: int
    first: int
    last: int
    source: str
    context: str

    @property
    def key(self) -> str:
        """A digest of the change and of the function around it: it survives edits elsewhere in the file."""
        parts = (str(self.path), self.function.name, self.before, self.after, str(self.number), self.context)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


class _Visitor(MutationVisitor):
    """Mutates decorated functions too; leaves out `__all__`, which no module uses, and the types `Literal[...]`."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.FunctionDef):
            return False
        return _assigns_all(node) or _is_literal_type(node) or super()._skip_node_and_children(node)


def _is_literal_type(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name) and node.value.value == "Literal"


def _assigns_all(node: cst.CSTNode) -> bool:
    return (
        isinstance(node, cst.Assign)
        and isinstance(node.targets[0].target, cst.Name)
        and node.targets[0].target.value == "__all__"
    )


def mutants(root: Path, path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a file in the order of their lines."""
    source = (root / path).read_text()
    wrapper = MetadataWrapper(cst.parse_module(source))
    visitor = _Visitor(mutation_operators, IgnoredCode(set(), set(), set()))
    wrapper.visit(visitor)
    positions = wrapper.resolve(PositionProvider)
    scopes = functions(source)
    seen: Counter[tuple[str, str, str]] = Counter()
    mutated_source = _Sources(wrapper.module)
    for mutation in visitor.mutations:
        lines = positions[mutation.original_node]
        mutated = mutated_source(mutation)
        before, after = _difference(source, mutated)
        function = enclosing(scopes, lines.start.line)
        identity = (function.name, before, after)
        seen[identity] += 1
        context = text(source.splitlines()[function.first - 1 : function.last])
        if function.name == scopes[0].name:
            context = before
        yield Mutant(path, function, before, after, seen[identity], lines.start.line, lines.end.line, mutated, context)


class _Sources:
    """Makes the text of a mutated module; only the changed statement of the module is rendered again."""

    def __init__(self, module: cst.Module) -> None:
        self._module = module
        self._texts = [module.code_for_node(statement) for statement in module.body]
        whole = "".join(self._texts)
        start = module.code.index(whole)
        self._header, self._footer = module.code[:start], module.code[start + len(whole) :]
        self._statements = {node: index for index, item in enumerate(module.body) for node in _nodes(item)}

    def __call__(self, mutation: Mutation) -> str:
        index = self._statements[mutation.original_node]
        statement = self._module.body[index].deep_replace(mutation.original_node, mutation.mutated_node)
        assert isinstance(statement, cst.CSTNode)
        texts = [*self._texts[:index], self._module.code_for_node(statement), *self._texts[index + 1 :]]
        return f"{self._header}{''.join(texts)}{self._footer}"


def _nodes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _nodes(child)


def _difference(source: str, mutated: str) -> tuple[str, str]:
    old, new = source.splitlines(), mutated.splitlines()
    while old and new and old[-1] == new[-1]:
        old.pop()
        new.pop()
    shorter = min(len(old), len(new))
    start = next((index for index in range(shorter) if old[index] != new[index]), shorter)
    return text(old[start:]), text(new[start:])
