"""Keys for programs: what `key list --json` prints."""

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sensorium.model.key import Key


def key_record(key: "Key", now: datetime) -> dict[str, object]:
    """Return what is known of a key, which its secret is not."""
    spec = key.spec
    return {
        "id": key.id,
        "name": spec.name,
        "role": spec.role.value,
        "state": key.state(now).value,
        "workspace": spec.workspace,
        "collections": spec.collections,
        "requests_per_minute": spec.requests_per_minute,
        "tokens_per_minute": spec.tokens_per_minute,
        "create_time": key.create_time,
        "expire_time": spec.expire_time,
        "revoke_time": key.revoke_time,
        "generation": key.generation,
        "previous_until": key.previous_until,
    }
