"""What differs between two versions, on the wire."""

from sensorium.model.version_difference import DifferenceKind, FileDifference, VersionDifference
from sensorium.rpc.codec.enums import EnumTable
from sensorium.v1 import dataset_service_pb2 as pb

KIND = EnumTable(
    {
        DifferenceKind.ADDED: pb.FileDifference.KIND_ADDED,
        DifferenceKind.REMOVED: pb.FileDifference.KIND_REMOVED,
        DifferenceKind.CHANGED: pb.FileDifference.KIND_CHANGED,
        DifferenceKind.TAGS_CHANGED: pb.FileDifference.KIND_TAGS_CHANGED,
    }
)


def difference_from_proto(response: pb.CompareDatasetVersionsResponse) -> VersionDifference:
    """Return what the message holds."""
    return VersionDifference(
        tuple(
            FileDifference(
                each.uri, KIND.from_proto(each.kind, "kind"), tuple(each.added_tags), tuple(each.removed_tags)
            )
            for each in response.differences
        ),
        response.next_page_token,
        response.added_count,
        response.removed_count,
        response.changed_count,
        response.tags_changed_count,
    )


def difference_to_proto(found: VersionDifference) -> pb.CompareDatasetVersionsResponse:
    """Return the message for what differs."""
    return pb.CompareDatasetVersionsResponse(
        differences=[
            pb.FileDifference(
                uri=each.uri,
                kind=KIND.to_proto(each.kind),
                added_tags=each.added_tags,
                removed_tags=each.removed_tags,
            )
            for each in found.files
        ],
        next_page_token=found.next_page_token,
        added_count=found.added_count,
        removed_count=found.removed_count,
        changed_count=found.changed_count,
        tags_changed_count=found.tags_changed_count,
    )
