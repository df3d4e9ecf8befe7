"""Asks the guard before a call begins and before each of its requests, and tells it what each response consumed."""

from collections.abc import Mapping
from typing import Any

from sensorium.context import CallContext
from sensorium.errors import Unauthenticated, Unavailable
from sensorium.model.access import Named, Rule
from sensorium.ports import Guard, Permit
from sensorium.rpc.interceptors.arity import Answer, Rpc
from sensorium.rpc.interceptors.fields import count_at, texts_at, tokens_in
from sensorium.rpc.interceptors.messages import Decode, Encode

_NOTHING = Named()


class Door:
    """The way into one method.

    Args:
        guard: Stands before it.
        rule: What it needs.
        answer: Runs the servicer.
        decode: Reads a request.
        encode: Writes a response.
    """

    def __init__(self, guard: Guard, rule: Rule, answer: Answer, decode: Decode, encode: Encode) -> None:
        self.guard = guard
        self.rule = rule
        self.answer = answer
        self.decode = decode
        self.encode = encode

    def admit(self, headers: Mapping[str, Any], call: CallContext) -> "Passage":
        """Let a call begin; its context then knows whose it is. Raises Unauthenticated and PermissionDenied."""
        permit = self.guard.admit(self.rule, headers)
        call.key_id, call.scoped = permit.key_id, permit.scoped
        return Passage(self, permit)


class Passage:
    """One call on its way through a door, with what it is allowed."""

    __slots__ = ("_door", "_permit", "_refusal")

    def __init__(self, door: Door, permit: Permit) -> None:
        self._door = door
        self._permit = permit
        self._refusal: Unauthenticated | None = None

    async def answer(self, request: Any, rpc: Rpc) -> bytes | None:
        """Return the response in bytes, or None after writing a stream of them. Raises what the servicer raises."""
        try:
            return await self._door.answer(request, rpc, self.decode, self.encode)
        except Unauthenticated as error:
            if error is self._refusal:
                raise
            # This caller has passed: it is us whom a role behind us does not know.
            raise Unavailable("a service behind this one refuses its mesh token or certificate") from error

    def decode(self, raw: bytes) -> Any:
        """Return a request that may be answered. Raises Unauthenticated, PermissionDenied and ResourceExhausted."""
        request, rule = self._door.decode(raw), self._door.rule
        named = _named(request, rule) if self._permit.bounded else _NOTHING
        try:
            self._permit.request(named, count_at(request, rule.items) if rule.items else 1)
        except Unauthenticated as error:
            self._refusal = error
            raise
        return request

    def encode(self, response: Any) -> bytes:
        """Return a response in bytes; what it consumed is charged."""
        tokens = tokens_in(response)
        if tokens:
            self._permit.used(tokens)
        return self._door.encode(response)


def _named(request: Any, rule: Rule) -> Named:
    return Named(
        shared=texts_at(request, rule.shared),
        collections=texts_at(request, rule.collections),
        collection_ids=texts_at(request, rule.collection_ids),
    )
