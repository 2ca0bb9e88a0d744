"""What the demo's model should know and keep: capitals, sums, and small code that is run to be checked."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable

from engine.data.world.lexicon import CAPITAL

Question = tuple[str, str]
"""A prompt and its right answer."""

_OPERATIONS = {"double": "x * 2", "triple": "x * 3", "square": "x * x", "negate": "- x"}
_TRIED = (-3, 0, 1, 2, 7)
_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def capitals() -> list[Question]:
    return [(f"fact : capital of {country} ? reply :", city) for country, city in CAPITAL.items()]


def sums() -> list[Question]:
    return [(f"calc : {a} + {b} = ? reply :", str(a + b)) for a in range(10) for b in range(10)]


def code() -> list[Question]:
    """Programs of one expression: an operation on x, then an addition or a subtraction."""
    return [
        (f"code : {name} x then {verb} {k} . reply :", f"{expression} {sign} {k}")
        for name, expression in _OPERATIONS.items()
        for verb, sign in (("add", "+"), ("subtract", "-"))
        for k in range(19)
    ]


def same_program(expression: str, right: str) -> bool:
    """Whether two expressions in x agree where they are tried, as HumanEval checks code by running it."""
    try:
        mine, other = _parse(expression), _parse(right)
        return all(_value(mine, x) == _value(other, x) for x in _TRIED)
    except (SyntaxError, ValueError, RecursionError):
        return False


def _parse(expression: str) -> ast.expr:
    if len(expression) > 40:
        raise ValueError("too long")
    return ast.parse(expression.strip(), mode="eval").body


def _value(node: ast.expr, x: int) -> int:
    """The node's value: sums, differences and products of x and whole numbers. Nothing else is run."""
    match node:
        case ast.Name(id="x"):
            return x
        case ast.Constant(value=int(number)):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, x)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left, x), _value(right, x))
    raise ValueError(f"not arithmetic in x: {ast.dump(node)}")
