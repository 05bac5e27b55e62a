"""Small constructors of Python syntax: what generated code is put together from.

No text of a rule file ever becomes source: texts and numbers are constants, names come from here.
"""

import ast
from collections.abc import Iterable, Sequence

from rules.checked import CompareOp, Value

TRUE = ast.Constant(value=True)
FALSE = ast.Constant(value=False)

_COMPARE: dict[str, type[ast.cmpop]] = {
    "=": ast.Eq,
    "!=": ast.NotEq,
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "in": ast.In,
    "is": ast.Is,
    "is not": ast.IsNot,
}
_OPPOSITE: dict[CompareOp, CompareOp] = {
    "=": "!=",
    "!=": "=",
    "<": ">=",
    ">=": "<",
    ">": "<=",
    "<=": ">",
}
_INVERSE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_WHOLE_MAX = 2**53


def opposite(op: CompareOp) -> CompareOp:
    """Return the operator that holds exactly when `op` does not."""
    return _OPPOSITE[op]


def name(text: str) -> ast.expr:
    """Read a local or a global of the generated code."""
    return ast.Name(id=text, ctx=ast.Load())


def on_line(value: ast.expr, line: int | None) -> ast.expr:
    """Say on which line of a rule file an expression stands, and its parts, which may be joined to others."""
    if line is not None:
        value.lineno = line
        for part in value.values if isinstance(value, ast.BoolOp) else ():
            part.lineno = line
    return value


def now() -> ast.expr:
    """Read the instant of the question."""
    return name("now")


def never() -> ast.expr:
    """Read the instant that does not come by itself."""
    return name("NEVER")


def const(value: Value | frozenset[Value] | None) -> ast.expr:
    """Write a constant; whole floats become ints, which compare faster and print shorter."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _WHOLE_MAX:
        value = int(value)
    return ast.Constant(value=value)  # type: ignore[arg-type]  # typeshed leaves out frozensets


def attr(owner: str, field: str) -> ast.expr:
    """Read a field of a local."""
    return ast.Attribute(value=name(owner), attr=field, ctx=ast.Load())


def item(owner: ast.expr, index: int) -> ast.Subscript:
    """Read one item of a list."""
    return ast.Subscript(value=owner, slice=const(index), ctx=ast.Load())


def call(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    """Call a function."""
    return ast.Call(func=function, args=list(arguments), keywords=[])


def method(owner: ast.expr, field: str, *arguments: ast.expr) -> ast.expr:
    """Call a method."""
    return call(ast.Attribute(value=owner, attr=field, ctx=ast.Load()), *arguments)


def compare(left: ast.expr, op: str, right: ast.expr) -> ast.expr:
    """Compare two values; `op` is the language's sign, or in, is, is not."""
    return ast.Compare(left=left, ops=[_COMPARE[op]()], comparators=[right])


def add(left: ast.expr, right: ast.expr) -> ast.expr:
    """Add."""
    return ast.BinOp(left=left, op=ast.Add(), right=right)


def subtract(left: ast.expr, right: ast.expr) -> ast.expr:
    """Subtract."""
    return ast.BinOp(left=left, op=ast.Sub(), right=right)


def multiply(left: ast.expr, right: ast.expr) -> ast.expr:
    """Multiply; a constant 1 on the left is left out."""
    if isinstance(left, ast.Constant) and left.value == 1:
        return right
    return ast.BinOp(left=left, op=ast.Mult(), right=right)


def whole_divide(left: ast.expr, right: ast.expr) -> ast.expr:
    """Divide without remainder."""
    return ast.BinOp(left=left, op=ast.FloorDiv(), right=right)


def divide_up(left: ast.expr, right: ast.expr) -> ast.expr:
    """Divide and round up to a whole number; a constant 1 on the right is left out."""
    if isinstance(right, ast.Constant) and right.value == 1:
        return left
    lowered = whole_divide(ast.UnaryOp(op=ast.USub(), operand=left), right)
    return ast.UnaryOp(op=ast.USub(), operand=lowered)


def remainder(left: ast.expr, right: ast.expr) -> ast.expr:
    """Take the remainder."""
    return ast.BinOp(left=left, op=ast.Mod(), right=right)


def bit_and(left: ast.expr, right: ast.expr) -> ast.expr:
    """Intersect two bit sets."""
    return ast.BinOp(left=left, op=ast.BitAnd(), right=right)


def keep(local: str, value: ast.expr) -> ast.expr:
    """Give a value a name inside an expression."""
    return ast.NamedExpr(target=ast.Name(id=local, ctx=ast.Store()), value=value)


def choose(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    """Choose by a test; a constant test chooses now."""
    if isinstance(test, ast.Constant):
        return yes if test.value else no
    return ast.IfExp(test=test, body=yes, orelse=no)


def negate(value: ast.expr) -> ast.expr:
    """Negate a truth."""
    if isinstance(value, ast.Constant):
        return FALSE if value.value else TRUE
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        return value.operand
    if isinstance(value, ast.Compare) and len(value.ops) == 1:
        inverse = _INVERSE[type(value.ops[0])]
        return ast.Compare(left=value.left, ops=[inverse()], comparators=value.comparators)
    return ast.UnaryOp(op=ast.Not(), operand=value)


def all_of(parts: Iterable[ast.expr]) -> ast.expr:
    """Join truths by `and`; constants are folded."""
    return _join(parts, ast.And(), neutral=True)


def any_of(parts: Iterable[ast.expr]) -> ast.expr:
    """Join truths by `or`; constants are folded."""
    return _join(parts, ast.Or(), neutral=False)


def _join(parts: Iterable[ast.expr], op: ast.boolop, *, neutral: bool) -> ast.expr:
    kept: list[ast.expr] = []
    for part in parts:
        if isinstance(part, ast.Constant):
            if bool(part.value) is neutral:
                continue
            return FALSE if neutral else TRUE
        if isinstance(part, ast.BoolOp) and type(part.op) is type(op):
            kept.extend(part.values)
        else:
            kept.append(part)
    if not kept:
        return TRUE if neutral else FALSE
    return kept[0] if len(kept) == 1 else ast.BoolOp(op=op, values=kept)


def fewest(values: Sequence[ast.expr]) -> ast.expr:
    """Take the smallest of one or more."""
    return values[0] if len(values) == 1 else call(name("min"), *values)


def most(values: Sequence[ast.expr]) -> ast.expr:
    """Take the largest of one or more."""
    return values[0] if len(values) == 1 else call(name("max"), *values)


def assign(local: str, value: ast.expr) -> ast.stmt:
    """Set a local."""
    return ast.Assign(targets=[ast.Name(id=local, ctx=ast.Store())], value=value, type_comment=None)


def assign_item(owner: ast.expr, index: int, value: ast.expr) -> ast.stmt:
    """Set one item of a list."""
    target = ast.Subscript(value=owner, slice=const(index), ctx=ast.Store())
    return ast.Assign(targets=[target], value=value, type_comment=None)


def increase(target: ast.Name | ast.Subscript, value: ast.expr) -> ast.stmt:
    """Add to a local or an item in place."""
    target.ctx = ast.Store()
    return ast.AugAssign(target=target, op=ast.Add(), value=value)


def when(
    test: ast.expr, body: list[ast.stmt], otherwise: list[ast.stmt] | None = None
) -> list[ast.stmt]:
    """Run statements under a test; a constant test decides now."""
    if isinstance(test, ast.Constant):
        return body if test.value else otherwise or []
    if not body:
        return when(negate(test), otherwise) if otherwise else []
    return [ast.If(test=test, body=body, orelse=otherwise or [])]


def take_if_earlier(instant: ast.expr) -> list[ast.stmt]:
    """Keep the earlier of `best` and an instant."""
    sooner = compare(name("due"), "<", name("best"))
    return [assign("due", instant), *when(sooner, [assign("best", name("due"))])]


def do(value: ast.expr) -> ast.stmt:
    """Run an expression for its effect."""
    return ast.Expr(value=value)


def give(value: ast.expr) -> ast.stmt:
    """Return."""
    return ast.Return(value=value)


def function(title: str, parameters: Sequence[str], body: list[ast.stmt]) -> ast.FunctionDef:
    """Define a function of positional parameters."""
    arguments = ast.arguments(
        posonlyargs=[],
        args=[ast.arg(arg=parameter, annotation=None) for parameter in parameters],
        vararg=None,
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=[],
    )
    return ast.FunctionDef(
        name=title,
        args=arguments,
        body=body or [ast.Pass()],
        decorator_list=[],
        returns=None,
        type_comment=None,
    )
