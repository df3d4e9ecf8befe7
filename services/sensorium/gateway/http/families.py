"""Which families there are, and in which order they are asked: the most particular paths first."""

from collections.abc import Sequence
from pathlib import Path

from sensorium.gateway.http.cohere import cohere_family
from sensorium.gateway.http.dashscope import dashscope_family
from sensorium.gateway.http.dashscope_envelope import dashscope_envelope
from sensorium.gateway.http.eas import eas_family
from sensorium.gateway.http.embeddings import Embeddings
from sensorium.gateway.http.explorer import explorer
from sensorium.gateway.http.family import EMBED, Family
from sensorium.gateway.http.frame import HttpFrame
from sensorium.gateway.http.front import HttpFront
from sensorium.gateway.http.models import Models
from sensorium.gateway.http.openai import infinity_family, openai_family
from sensorium.gateway.http.openapi import documents_family
from sensorium.gateway.http.routes import Routes
from sensorium.gateway.http.signed import SignedCredentials
from sensorium.gateway.http.upload_store import UploadStore
from sensorium.gateway.http.upload_ticket import Tickets
from sensorium.gateway.http.uploads import Uploads, upload_family
from sensorium.gateway.http.viking import viking_family
from sensorium.gateway.http.vikingdb import vikingdb_families
from sensorium.gateway.keys.master import MasterSecret, master_secret
from sensorium.ports import Embedder, Guard
from sensorium.rpc.address import check_bindable
from sensorium.rpc.interceptors.admission import Admission
from sensorium.rpc.interceptors.report import Reporter
from sensorium.settings import HttpSettings


def families(settings: HttpSettings, embedder: Embedder, secret: MasterSecret, folder: Path) -> Sequence[Family]:
    """Return every family; `folder` is where uploads lie."""
    embeddings = Embeddings(embedder, Models(embedder, settings.aliases))
    signed = SignedCredentials(secret, settings.signature_skew_seconds)
    limits = settings.uploads
    tickets = Tickets(secret, limits.policy_seconds)
    uploads = Uploads(tickets, UploadStore(folder, limits), limits, settings.public_url)
    offered = (
        openai_family(embeddings),
        cohere_family(embeddings),
        dashscope_family(embeddings, uploads),
        upload_family(uploads, limits, EMBED, dashscope_envelope),
        *vikingdb_families(embeddings, signed),
        viking_family(embeddings, signed),
        infinity_family(embeddings),
        eas_family(embeddings, settings.eas),
    )
    return (*offered, documents_family(offered, explorer(offered)))


def http_front(
    settings: HttpSettings,
    data_dir: Path,
    embedder: Embedder,
    *,
    guard: Guard,
    admission: Admission,
    reporter: Reporter,
) -> HttpFront:
    """Return the front of a gateway; what nobody serves answers as OpenAI would.

    Raises:
        FailedPrecondition: The address is beyond loopback while the guard lets everybody call; FILE_UNUSABLE: the file
            of the gateway's secret.
        Unavailable: It cannot be read or made.
    """
    check_bindable(settings.host, allowed=guard.closed, section="http", remedy=guard.remedy)
    every = families(settings, embedder, master_secret(data_dir), data_dir / "uploads")
    return HttpFront(HttpFrame(settings, Routes(every, every[0]), guard, admission, reporter))
