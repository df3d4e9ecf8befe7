"""Reads filters: text and the fields there are in, a typed tree out."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TypeAlias, cast

from lark import Lark, Token, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from sensorium.errors import InvalidArgument
from sensorium.filters.fault import fault
from sensorium.filters.fields import Field, Fields
from sensorium.filters.literals import Literals, type_shown
from sensorium.filters.size import MAX_CHARS, check_size
from sensorium.filters.tokens import tokenized
from sensorium.filters.tree import (
    EVERYTHING,
    All,
    AnyOf,
    Comparison,
    Contains,
    Filter,
    Match,
    Negation,
    OneOf,
    Operator,
    Present,
    Scalar,
)
from sensorium.model.collection import AttributeType

REMEMBERED_CHARS = 512
GRAMMAR = Path(__file__).with_name("grammar.lark")
_REFUSED = re.compile("[\0\ud800-\udfff]")
_NAMES: Mapping[str, str] = {
    "COMPARISON": "a comparison",
    "_COLON": ":",
    "_HAS": "HAS",
    "_IN": "IN",
    "_AND": "AND",
    "_OR": "OR",
    "_NOT": "NOT",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COMMA": ",",
    "NAME": "a field",
    "$END": "the end",
}

_ORDERED = frozenset({AttributeType.STRING, AttributeType.INT, AttributeType.DOUBLE, AttributeType.TIME, None})
_EQUALITY = frozenset({Operator.EQUAL, Operator.UNEQUAL})
Node: TypeAlias = Tree[Token]
NO_OPTIONS = Fields(())


def parse(text: str, fields: Fields) -> Filter:
    """Return the filter that `text` says; an empty one holds always.

    Raises:
        InvalidArgument: FILTER_INVALID, with the column at fault in its metadata.
    """
    return parse_query(text, fields, NO_OPTIONS).filter


@dataclass(frozen=True, slots=True)
class Option:
    """What a query asks of the search and not of the records; `position` is the place of its value, from 0."""

    field: Field
    value: Scalar
    position: int


@dataclass(frozen=True, slots=True)
class Query:
    """A filter, and the options that stood beside it."""

    filter: Filter
    options: tuple[Option, ...] = ()


def parse_query(text: str, fields: Fields, options: Fields) -> Query:
    """Return the filter and the options that `text` says.

    An option is written like a condition with `=` or `:`, and joined to the rest by AND alone: `TopK = 5 AND (…)`.

    Raises:
        InvalidArgument: FILTER_INVALID, with the column at fault in its metadata.
    """
    _check_text(text)
    if not text.strip():
        return Query(EVERYTHING)
    tree = _remembered(text) if len(text) <= REMEMBERED_CHARS else _parsed(text)
    return _Reader(text, fields, options).query(cast("Node", tree.children[0]))


@lru_cache(256)
def _remembered(text: str) -> Node:
    """Return the tree of a text that callers may well send again: parsing costs as much as a walk through a graph."""
    return _parsed(text)


def _parsed(text: str) -> Node:
    try:
        check_size(text, _lark().lex(text))
        return _lark().parse(text)
    except UnexpectedInput as error:
        raise _syntax_fault(text, error) from None


@cache
def _lark() -> Lark:
    return Lark(GRAMMAR.read_text(), parser="lalr", lexer="basic")


def _check_text(text: str) -> None:
    if len(text) > MAX_CHARS:
        raise fault(text, MAX_CHARS, f"it has {len(text)} characters, the limit is {MAX_CHARS}")
    if found := _REFUSED.search(text):
        raise fault(text, found.start(), "this character is not text")


def _syntax_fault(text: str, error: UnexpectedInput) -> InvalidArgument:
    match error:
        case UnexpectedToken(token=Token(type="$END")):
            return fault(text, len(text), "it ends too early", _expected(error.accepts or error.expected))
        case UnexpectedToken():
            why = f"{str(error.token)[:40]!r} cannot stand here"
            return fault(text, error.token.start_pos or 0, why, _expected(error.accepts or error.expected))
        case UnexpectedCharacters():
            return _character_fault(text, int(error.pos_in_stream or 0))
        case _:
            return fault(text, 0, "it cannot be read")


def _character_fault(text: str, place: int) -> InvalidArgument:
    if text[place] in "\"'":
        return fault(text, place, "this text has no closing quote")
    return fault(text, place, f"{text[place]!r} cannot stand here")


def _expected(kinds: set[str]) -> str:
    named = {_NAMES[kind] for kind in kinds if kind in _NAMES}
    if "NUMBER" in kinds:
        named.add("a value")
    return " or ".join(sorted(named))


class _Reader:
    """Turns the parser's tree into ours, and checks names and types on the way."""

    def __init__(self, text: str, fields: Fields, options: Fields) -> None:
        self._text = text
        self._fields = fields
        self._options = options
        self._literals = Literals(text)
        self._readers: Mapping[str, Callable[[Node], Filter]] = {
            "any": lambda node: AnyOf(self._parts(node)),
            "all": lambda node: All(self._parts(node)),
            "negation": lambda node: Negation(self._parts(node)[0]),
            "present": lambda node: Present(self._field(node)),
            "comparison": self._comparison,
            "match": self._match,
            "contains": self._contains,
            "lacks": lambda node: Negation(self._contains(node)),
            "one_of": self._one_of,
            "none_of": lambda node: Negation(self._one_of(node)),
        }

    def read(self, node: Node) -> Filter:
        """Return the filter of a node and all below."""
        return self._readers[node.data](node)

    def query(self, node: Node) -> Query:
        """Return the filter of a node, and the options that it joins to it."""
        options = {id(each): found for each in _joined(node) if (found := self._option(each))}
        part = self._without(node, options)
        self._check_once(options.values())
        return Query(EVERYTHING if part is None else part, tuple(options.values()))

    def _without(self, node: Node, options: Mapping[int, Option]) -> Filter | None:
        """Return the filter of a node without options; None if there is nothing else."""
        if id(node) in options:
            return None
        if node.data != "all":
            return self.read(node)
        parts = tuple(
            part for each in node.children if (part := self._without(cast("Node", each), options)) is not None
        )
        return parts[0] if len(parts) == 1 else All(parts) if parts else None

    def _option(self, node: Node) -> Option | None:
        """Return the option that a node says; None when it says none."""
        if node.data not in {"comparison", "match"} or (field := self._options.get(self._name(node))) is None:
            return None
        value = _value(node, len(node.children) - 1)
        if node.data == "comparison" and cast("Token", node.children[1]) != Operator.EQUAL:
            raise fault(self._text, cast("Token", node.children[1]).start_pos or 0, f"{field.name} is an option", "=")
        return Option(field, self._literals.scalar(field, value), value.start_pos or 0)

    def _check_once(self, options: Iterable[Option]) -> None:
        seen = set()
        for each in options:
            if each.field.name in seen:
                raise fault(self._text, each.position, f"{each.field.name} stands here a second time")
            seen.add(each.field.name)

    def _parts(self, node: Node) -> tuple[Filter, ...]:
        return tuple(self.read(cast("Node", each)) for each in node.children)

    def _comparison(self, node: Node) -> Filter:
        field, sign = self._field(node), cast("Token", node.children[1])
        how = Operator(sign)
        if field.type is None and _value(node, 2).type in {"TRUE", "FALSE"} and how not in _EQUALITY:
            raise fault(self._text, sign.start_pos or 0, f"{sign} cannot be asked of a truth value", "= or !=")
        if field.type is AttributeType.STRING_LIST:
            if how is Operator.EQUAL:
                return self._contains_at(field, _value(node, 2))
            raise self._unfit(field, sign, "=, HAS, IN or :")
        if field.type not in _ORDERED and how not in _EQUALITY:
            raise self._unfit(field, sign, "= or !=")
        return Comparison(field, how, self._literals.scalar(field, _value(node, 2)))

    def _match(self, node: Node) -> Filter:
        field, value = self._field(node), _value(node, 1)
        if not field.tokens:
            place = value.start_pos or 0
            raise fault(self._text, place, f"{field.name} has no tokens", "a text field before the colon")
        phrase = tokenized(self._literals.text(field, value)).strip()
        if not phrase:
            raise fault(self._text, value.start_pos or 0, "this text has no tokens", "a letter or a digit")
        return Match(field, phrase)

    def _contains(self, node: Node) -> Contains:
        field, value = self._field(node), _value(node, 1)
        if field.type not in {AttributeType.STRING_LIST, None}:
            raise fault(self._text, value.start_pos or 0, f"{field.name} is no list of texts", "a list before HAS")
        return self._contains_at(field, value)

    def _contains_at(self, field: Field, value: Token) -> Contains:
        return Contains(field, self._literals.text(field, value))

    def _one_of(self, node: Node) -> OneOf:
        field = self._field(node)
        values = [self._literals.scalar(field, _value(node, place)) for place in range(1, len(node.children))]
        # 1 and TRUE are equal to Python.
        return OneOf(field, tuple({(type(each), each): each for each in values}.values()))

    def _name(self, node: Node) -> str:
        token = _value(node, 0)
        return self._literals.string(token) if token.type == "STRING" else str(token)

    def _field(self, node: Node) -> Field:
        token, name = _value(node, 0), self._name(node)
        field = self._fields.get(name)
        if field is None and self._options.get(name):
            why = f"{name} is an option of the whole search"
            raise fault(self._text, token.start_pos or 0, why, "it beside the conditions, joined by AND, with = or :")
        if field is None:
            known, near = ", ".join(self._fields.names), self._fields.like(name[:64])
            why = f"there is no field {name[:64]!r}" + (f" (is it {near}?)" if near else "")
            raise fault(self._text, token.start_pos or 0, why, f"one of {known}")
        return field

    def _unfit(self, field: Field, sign: Token, expected: str) -> InvalidArgument:
        why = f"{sign} cannot be asked of {field.name}{type_shown(field)}"
        return fault(self._text, sign.start_pos or 0, why, expected)


def _value(node: Node, place: int) -> Token:
    return cast("Token", cast("Node", node.children[place]).children[0])


def _joined(node: Node) -> Iterator[Node]:
    """Yield what a node joins by AND, or the node itself."""
    if node.data != "all":
        yield node
        return
    for each in node.children:
        yield from _joined(cast("Node", each))
