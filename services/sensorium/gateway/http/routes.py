"""Finds the family and the operation of a path; slashes at the end do not matter, and nothing is ever redirected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import Pattern
from typing import Any

from starlette.routing import compile_path

from sensorium.gateway.http.family import Family, Operation
from sensorium.gateway.http.refusals import WrongMethod, no_such_path


@dataclass(frozen=True, slots=True)
class Route:
    """One operation at one place.

    Attributes:
        template: The path with the names of its parameters: what metrics and logs name.
        operations: By method.
    """

    template: str
    pattern: Pattern[str]
    operations: Mapping[str, Operation]


class Routes:
    """The paths of all families.

    Args:
        families: Of two that could answer a path, the first does.
        others: Answers what lies below no prefix with its envelope.
    """

    def __init__(self, families: Sequence[Family], others: Family) -> None:
        self._families = [(family, _routes(family)) for family in families]
        self._others = others

    def family(self, path: str) -> Family:
        """Return whose envelope a path answers with: the first family that serves it, or whose prefix it has."""
        for family, routes in self._families:
            if _below(path, (*family.prefixes, *family.also)) or any(each.pattern.fullmatch(path) for each in routes):
                return family
        return self._others

    def find(self, family: Family, method: str, path: str) -> tuple[str, Operation, Mapping[str, Any]]:
        """Return the template of a path, what it does and the parameters that it names.

        Raises:
            NotFound: Nobody serves the path.
            WrongMethod: It is served by other methods.
        """
        routes = next((routes for each, routes in self._families if each is family), ())
        for route in routes:
            match = route.pattern.fullmatch(path)
            if match:
                if method not in route.operations:
                    raise WrongMethod(tuple(route.operations))
                return route.template, route.operations[method], match.groupdict()
        raise no_such_path(path)


def _routes(family: Family) -> list[Route]:
    found: dict[str, dict[str, Operation]] = {}
    for prefix in family.prefixes:
        for operation in family.operations:
            at = found.setdefault((prefix + operation.path).rstrip("/") or "/", {})
            at.update(dict.fromkeys(operation.methods, operation))
    return [Route(template, compile_path(template)[0], operations) for template, operations in found.items()]


def _below(path: str, prefixes: tuple[str, ...]) -> bool:
    return any(prefix and (path == prefix or path.startswith(f"{prefix}/")) for prefix in prefixes)
