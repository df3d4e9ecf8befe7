"""Uploads of DashScope's clients: leave to upload, the upload itself, and what an `oss://` name stands for."""

import asyncio
import re
from collections.abc import AsyncGenerator

from starlette.formparsers import MultiPartException, MultiPartParser

from sensorium.errors import InvalidArgument, NotFound, PermissionDenied, Reason
from sensorium.gateway.http.call import Arrival, HttpCall, Reply
from sensorium.gateway.http.family import Envelope, Family, Operation
from sensorium.gateway.http.payload import to_json
from sensorium.gateway.http.upload_store import UploadStore
from sensorium.gateway.http.upload_ticket import ROOT, Tickets
from sensorium.model.access import Rule
from sensorium.model.anybody import ANYBODY
from sensorium.ports import Guard, Permit
from sensorium.settings import UploadSettings

PREFIX = "/oss-upload"
SCHEME = f"oss://{ROOT}/"

_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_FORM_BYTES = 64 * 1024  # What a form holds beside the file.
_READ_SECONDS = 600.0


class Uploads:
    """Takes files and gives them to whoever uploaded them.

    Args:
        tickets: Who may upload.
        store: Where files are kept.
        settings: Limits.
        public_url: How callers reach this server; empty takes the host that they name.
    """

    def __init__(self, tickets: Tickets, store: UploadStore, settings: UploadSettings, public_url: str = "") -> None:
        self.tickets = tickets
        self._store = store
        self._settings = settings
        self._public_url = public_url

    async def policy(self, call: HttpCall) -> Reply:
        """Answer `GET /uploads?action=getPolicy`: where and with what a file is uploaded."""
        if call.arrival.query.get("action") != "getPolicy":
            raise InvalidArgument("action: must be getPolicy", field="action")
        policy, signature, ticket = self.tickets.issue(call.key_id)
        allowed = {
            "policy": policy,
            "signature": signature,
            "upload_dir": ticket.folder,
            "upload_host": f"{self._url(call.arrival)}{PREFIX}/{policy}/{signature}",
            "expire_in_seconds": self._settings.policy_seconds,
            "max_file_size_mb": self._settings.max_file_bytes >> 20,
            "capacity_limit_mb": self._settings.max_key_bytes >> 20,
            "oss_access_key_id": "sensorium",
            "x_oss_object_acl": "private",
            "x_oss_forbid_overwrite": "true",
        }
        return Reply(to_json({"request_id": call.request_id, "data": allowed}))

    async def take(self, call: HttpCall) -> Reply:
        """Answer the upload itself: a form whose `key` lies in the folder of the ticket."""
        ticket = self.tickets.read(call.params["policy"], call.params["signature"])
        key, content = await _form(call)
        folder, _, name = key.rpartition("/")
        if folder != ticket.folder or not name or name in {".", ".."} or not name.isprintable():
            raise PermissionDenied("the key is not in the folder that the policy allows")
        await asyncio.to_thread(self._store.keep, key, content)
        return Reply(to_json({"request_id": call.request_id}))

    async def resolve(self, uri: str, key_id: str, field: str) -> bytes:
        """Return the file that `oss://…` names. Raises InvalidArgument: URI_REFUSED: it is none of this key's."""
        key = uri.removeprefix("oss://")
        if key.split("/")[1] != self.tickets.owner(key_id):
            raise _unknown(field)
        try:
            return await asyncio.to_thread(self._store.read, key)
        except (NotFound, InvalidArgument):
            raise _unknown(field) from None

    def _url(self, arrival: Arrival) -> str:
        host = arrival.headers.get("host", "")
        if self._public_url:
            return self._public_url.rstrip("/")
        if not _HOST.fullmatch(host):
            raise InvalidArgument("the host is no name of a server", field="host")
        return f"http://{host}"


class UploadCredentials:
    """Satisfies `Credentials`: who uploads shows no key but the ticket, which stands in the path.

    Args:
        tickets: Tell good ones.
    """

    def __init__(self, tickets: Tickets) -> None:
        self._tickets = tickets

    def admit(self, guard: Guard, rule: Rule, arrival: Arrival) -> Permit:  # noqa: ARG002
        """Let an upload begin. Raises PermissionDenied."""
        policy, _, signature = arrival.path.removeprefix(f"{PREFIX}/").partition("/")
        self._tickets.read(policy, signature)
        return ANYBODY

    def verify(self, permit: Permit, arrival: Arrival, body: bytes) -> None:
        """Nothing of the body is needed."""


def upload_family(uploads: Uploads, settings: UploadSettings, permission: str, envelope: Envelope) -> Family:
    """Return what is behind `upload_host`."""
    take = Operation(
        ("POST",),
        "/{policy}/{signature}",
        uploads.take,
        permission,
        "Upload a file that `GET /api/v1/uploads` gave leave for.",
        max_body_bytes=settings.max_file_bytes + _FORM_BYTES,
        read_seconds=_READ_SECONDS,
    )
    return Family("uploads", (PREFIX,), (take,), UploadCredentials(uploads.tickets), envelope)


async def _form(call: HttpCall) -> tuple[str, bytes]:
    """Return the key and the file of a form."""

    async def whole() -> AsyncGenerator[bytes, None]:
        yield call.body

    try:
        form = await MultiPartParser(call.arrival.headers, whole(), max_files=1, max_fields=32).parse()
    except (MultiPartException, KeyError, ValueError) as error:
        message = f"the body is not a form with a file: {error}"
        raise InvalidArgument(message, reason=Reason.REQUEST_MALFORMED) from None
    try:
        key, file = form.get("key"), form.get("file")
        if not isinstance(key, str) or file is None or isinstance(file, str):
            raise InvalidArgument("the form needs a key and a file", field="file")
        return key, await file.read()
    finally:
        await form.close()


def _unknown(field: str) -> InvalidArgument:
    message = f"{field}: there is no such upload of this key, or its time is over"
    return InvalidArgument(message, reason=Reason.URI_REFUSED, field=field)
