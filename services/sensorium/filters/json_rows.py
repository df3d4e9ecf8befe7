"""Reads what JSON columns hold as rows, on SQLite and on PostgreSQL."""

from typing import Any

from sqlalchemy import ColumnElement, String, TableValuedAlias, column, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

# How SQLite calls the types of values in JSON (https://www.sqlite.org/json1.html#jtype), which PostgreSQL must follow.
TEXT, WHOLE, REAL, TRUE, FALSE, LIST = "text", "integer", "real", "true", "false", "array"
_POSTGRES_TYPE = """CASE json_typeof(value)
 WHEN 'string' THEN 'text' WHEN 'boolean' THEN value::text
 WHEN 'number' THEN CASE WHEN value::text ~ '^-?[0-9]+$' THEN 'integer' ELSE 'real' END
 ELSE json_typeof(value) END"""


class json_texts(GenericFunction[str]):  # noqa: N801
    """The texts of a JSON list, one a row."""

    inherit_cache = True


class json_members(GenericFunction[str]):  # noqa: N801
    """The members of a JSON object, one a row: `key`, `type`, and `value`, which is text on PostgreSQL."""

    inherit_cache = True


class json_list(GenericFunction[str]):  # noqa: N801
    """The JSON list that the type and the value of a member say; NULL where it is no list."""

    inherit_cache = True


@compiles(json_texts, "sqlite")
def _texts_of_sqlite(element: json_texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(json_texts, "postgresql")
def _texts_of_postgres(element: json_texts, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_array_elements_text({compiler.process(element.clauses, **options)})"


@compiles(json_members, "sqlite")
def _members_of_sqlite(element: json_members, compiler: SQLCompiler, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(json_members, "postgresql")
def _members_of_postgres(element: json_members, compiler: SQLCompiler, **options: Any) -> str:
    members = f"json_each({compiler.process(element.clauses, **options)})"
    return f"LATERAL (SELECT key, {_POSTGRES_TYPE} AS type, value #>> '{{}}' AS value FROM {members})"  # noqa: S608


@compiles(json_list, "sqlite")
def _list_of_sqlite(element: json_list, compiler: SQLCompiler, **options: Any) -> str:
    kind, value = (compiler.process(each, **options) for each in element.clauses)
    return f"CASE WHEN {kind} = 'array' THEN {value} END"


@compiles(json_list, "postgresql")
def _list_of_postgres(element: json_list, compiler: SQLCompiler, **options: Any) -> str:
    kind, value = (compiler.process(each, **options) for each in element.clauses)
    return f"CAST(CASE WHEN {kind} = 'array' THEN {value} END AS JSON)"


def elements(texts: ColumnElement[Any]) -> TableValuedAlias:
    """Return the texts of a JSON list as rows with the column `value`."""
    return func.json_texts(texts).table_valued("value")


def members(holder: ColumnElement[Any]) -> TableValuedAlias:
    """Return the members of a JSON object as rows with the columns `key`, `type` and `value`."""
    return func.json_members(holder).table_valued(column("key", String), column("type", String), "value")
