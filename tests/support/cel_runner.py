"""cel-python's interpreter, but with `&&` and `||` that stop where CEL's do.

As it comes, it looks at both sides, and an error inside a macro on the side that does not matter fails the whole rule:
`self == '*' || self.split('-').all(p, int(p) < 65536)`.
"""

from collections.abc import Callable
from typing import Any

import celpy
import lark
from celpy.celtypes import BoolType
from celpy.evaluation import CELEvalError, Context, Evaluator
from typing_extensions import override


class LazyEvaluator(Evaluator):
    """Looks at the right side only where the left one does not decide."""

    @override
    def sub_evaluator(self, ast: lark.Tree[Any]) -> "LazyEvaluator":
        """Return one for the expression inside a macro."""
        return LazyEvaluator(ast, activation=self.activation)

    @override
    def conditionalor(self, tree: lark.Tree[Any]) -> Any:
        """Evaluate `left || right`."""
        return self._lazy(tree, decisive=True, name="_||_")

    @override
    def conditionaland(self, tree: lark.Tree[Any]) -> Any:
        """Evaluate `left && right`."""
        return self._lazy(tree, decisive=False, name="_&&_")

    def _lazy(self, tree: lark.Tree[Any], *, decisive: bool, name: str) -> Any:
        if len(tree.children) == 1:
            return self.visit(tree.children[0])
        left = self._quiet(tree.children[0])
        if isinstance(left, BoolType) and bool(left) is decisive:
            return left
        combine: Callable[[Any, Any], Any] = self.activation.resolve_function(name)
        right = self._quiet(tree.children[1])
        try:
            return combine(left, right)
        except TypeError as error:
            failed = next((operand for operand in (left, right) if isinstance(operand, CELEvalError)), None)
            return failed or CELEvalError(f"no matching overload for {name}", TypeError, error.args, tree=tree)

    def _quiet(self, tree: Any) -> Any:
        """Evaluate, with an error as a value: the other side may make it irrelevant."""
        try:
            return self.visit(tree)
        except CELEvalError as error:
            return error


class LazyRunner(celpy.Runner):
    """Runs a compiled expression with the lazy evaluator."""

    @override
    def evaluate(self, context: Context) -> Any:
        """Return the value of the expression.

        Raises:
            CELEvalError: it has none.
        """
        return LazyEvaluator(ast=self.ast, activation=self.new_activation()).evaluate(context)
