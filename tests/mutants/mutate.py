"""What can be changed in a Python file so that it does something else: one small change each.

A change replaces an expression or a simple statement. Prose (texts with blanks), types, docstrings, f-strings and what
only a debugger reads stay as they are: no test should pin them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_OPERATE: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_SILENT = {"debug", "overload", "TypeVar", "ParamSpec", "cast", "getLogger"}


@dataclass(frozen=True)
class Mutant:
    """One change.

    :param line: in which it begins, from 1.
    :param text: of that line.
    :param span: of the bytes that are replaced.
    :param old: what stands there, in one line.
    :param new: what takes its place.
    """

    line: int
    text: str
    bounds: tuple[int, int]
    old: str
    new: str

    @property
    def change(self) -> str:
        """What it does, for people."""
        return f"{self.old} → {self.new}"

    def applied(self, source: bytes) -> bytes:
        """Return the source with the change."""
        start, end = self.bounds
        return source[:start] + self.new.encode() + source[end:]


def mutants(source: bytes) -> list[Mutant]:
    """Return all changes of a file, in its order.

    :param source: of the file, valid Python in UTF-8.
    """
    starts, lines = [0], source.splitlines(keepends=True)
    for line in lines:
        starts.append(starts[-1] + len(line))
    changes = []
    for node, replacement in _changes(ast.parse(source)):
        first = starts[node.lineno - 1] + node.col_offset
        # Both are there, whatever the types say, because this comes from a text.
        last = starts[(node.end_lineno or 1) - 1] + (node.end_col_offset or 0)
        text = ast.unparse(replacement)
        new = f"({text})" if isinstance(replacement, ast.expr) else text
        where = lines[node.lineno - 1].decode().strip()
        changes.append(Mutant(node.lineno, where, (first, last), ast.unparse(node), new))
    return sorted(set(changes), key=lambda mutant: (mutant.bounds, mutant.new))


Node = ast.expr | ast.stmt


def _changes(node: ast.AST, returns: str = "") -> Iterator[tuple[Node, Node]]:
    """Yield changes within a node.

    :param returns: the type that the function around it returns.
    """
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        returns = ast.unparse(node.returns) if node.returns else ""
    if isinstance(node, ast.JoinedStr | ast.pattern) or _is_silent(node):
        return
    if isinstance(node, ast.expr):
        yield from ((node, new) for new in _of_expression(node))
    if isinstance(node, ast.stmt) and not (returns == "bool" and _is_denial(node)):
        yield from ((node, new) for new in _of_statement(node))
    test = getattr(node, "test", None)
    for condition in [*([test] if test else []), *getattr(node, "ifs", [])]:
        # These two are changed as expressions already.
        if not isinstance(condition, ast.Compare | ast.UnaryOp):
            yield condition, ast.UnaryOp(ast.Not(), condition)
    for child in _mutable_children(node):
        yield from _changes(child, returns)


def _is_denial(node: ast.stmt) -> bool:
    """Return whether a statement is ``return False``, for which None does as well where a truth value is asked for."""
    return isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is False


def _is_silent(node: ast.AST) -> bool:
    """Whether nothing that runs depends on it: a docstring, code for the type checker, a debug message."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return True
    if isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets):
        return True
    call = node.value if isinstance(node, ast.Expr) else node
    return isinstance(call, ast.Call) and ast.unparse(call.func).rpartition(".")[2] in _SILENT


def _is_zip(node: ast.AST) -> bool:
    """Whether it is a call whose keyword says that both sides are of one length, as they always are."""
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "zip"


def _mutable_children(node: ast.AST) -> Iterator[ast.AST]:
    # Types are for the type checker, and what decorates is part of a name.
    silent = {"annotation", "returns", "decorator_list", "bases", *(["keywords"] if _is_zip(node) else [])}
    for name, value in ast.iter_fields(node):
        if name not in silent:
            items = value if isinstance(value, list) else [value]
            yield from (item for item in items if isinstance(item, ast.AST))


def _of_expression(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        yield from _of_comparison(node)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATE:
        yield ast.BinOp(node.left, _OPERATE[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        yield from _of_constant(node.value)
    elif isinstance(node, ast.Call) and not _is_zip(node):
        named = [keyword for keyword in node.keywords if keyword.arg]
        yield from (
            ast.Call(node.func, node.args, [other for other in node.keywords if other is not keyword])
            for keyword in named
        )


def _of_comparison(node: ast.Compare) -> Iterator[ast.Compare]:
    is_of_clock = "time.monotonic()" in ast.unparse(node)
    for number, op in enumerate(node.ops):
        # With the clock, these differ for a moment of no length.
        if not (is_of_clock and isinstance(op, _ORDER)):
            ops = [*node.ops[:number], _COMPARE[type(op)](), *node.ops[number + 1 :]]
            yield ast.Compare(node.left, ops, node.comparators)


def _of_constant(value: object) -> Iterator[ast.expr]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
    elif isinstance(value, float):
        # Of a span of time, a second more is nothing that a test should measure.
        yield ast.Constant(0.0 if value else 1.0)
    elif isinstance(value, str) and value and not any(map(str.isspace, value)):
        yield ast.Constant(f"{value}XX")
    elif isinstance(value, bytes) and value:
        yield ast.Constant(value + b"XX")


def _of_statement(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
        yield ast.Return(ast.Constant(None))
    elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield ast.Pass()
    elif isinstance(node, ast.AugAssign) and type(node.op) in _OPERATE:
        yield ast.AugAssign(node.target, _OPERATE[type(node.op)](), node.value)
    elif isinstance(node, ast.Break | ast.Continue):
        yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()
