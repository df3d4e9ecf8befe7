"""How large a filter may be, checked on its tokens, before anything recurses over it."""

from collections.abc import Iterable

from lark import Token

from sensorium.filters.fault import fault

MAX_CHARS = 8192
MAX_DEPTH = 32
MAX_TERMS = 256
MAX_VALUES = 1024

_VALUES = frozenset({"STRING", "NUMBER", "TIME", "TRUE", "FALSE"})
_TERMS = frozenset({"COMPARISON", "_COLON", "_HAS", "_IN"})


def check_size(text: str, tokens: Iterable[Token]) -> None:
    """Refuse a filter that is too deep, or has too many conditions or values.

    Raises:
        InvalidArgument: FILTER_INVALID, pointing at the first token that is too many.
    """
    # How many negations and parentheses enclose what comes next, for each parenthesis that is open.
    depths = [0]
    terms = values = 0
    for token in tokens:
        _follow(depths, token.type)
        terms += token.type in _TERMS
        values += token.type in _VALUES
        for count, limit, what in (
            (depths[-1], MAX_DEPTH, "negations and parentheses in one another"),
            (terms, MAX_TERMS, "conditions"),
            (values, MAX_VALUES, "values"),
        ):
            if count > limit:
                raise fault(text, token.start_pos or 0, f"it has more than {limit} {what}")


def _follow(depths: list[int], kind: str) -> None:
    match kind:
        case "LPAR":
            depths.append(depths[-1] + 1)
        case "RPAR":
            depths[1:] = depths[1:-1]
        case "_NOT":
            depths[-1] += 1
        case "_AND" | "_OR":  # A negation ends here.
            depths[-1] = depths[-2] + 1 if len(depths) > 1 else 0
