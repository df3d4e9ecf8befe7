"""What every method needs of a key: the one place where that is declared.

`read` looks, embeds, tags and searches; `write` changes documents, collections, tag definitions and datasets, and runs
their jobs; `admin` also deletes collections, datasets and all that stands for one, starts long work on collections,
keeps connections and sees what all keys consumed. A method that is not here is for `admin` alone.
"""

from collections.abc import Mapping

from sensorium.model.access import KeyRole, Rule

READ, WRITE, ADMIN = KeyRole.READ, KeyRole.WRITE, KeyRole.ADMIN
PARENT = ("parent",)
NAME = ("name",)

UNDECLARED = Rule(ADMIN, whole=True)

_EMBED = {
    # Every workspace sees the same models.
    "GetModel": Rule(READ),
    "ListModels": Rule(READ),
    "Embed": Rule(READ, shared=PARENT),
    "StreamEmbed": Rule(READ, shared=("request.parent",)),
}
_SEARCH = {
    "GetCollection": Rule(READ, collections=NAME),
    "ListCollections": Rule(READ, shared=PARENT, whole=True),
    "CreateCollection": Rule(WRITE, shared=PARENT, collection_ids=("collection_id",)),
    "UpdateCollection": Rule(WRITE, collections=("collection.name",)),
    "DeleteCollection": Rule(ADMIN, collections=NAME),
    "BatchGetDocuments": Rule(READ, collections=PARENT),
    "ListDocuments": Rule(READ, collections=PARENT),
    "CountDocuments": Rule(READ, collections=PARENT),
    "UpsertDocuments": Rule(WRITE, collections=PARENT),
    "BatchUpdateDocuments": Rule(WRITE, collections=PARENT),
    "DeleteDocuments": Rule(WRITE, collections=PARENT),
    "StreamUpsertDocuments": Rule(WRITE, collections=("request.parent",)),
    "Search": Rule(READ, collections=PARENT),
    "BatchSearch": Rule(READ, shared=PARENT, collections=("requests.parent",), items="requests"),
    "ExplainSearch": Rule(READ, collections=("request.parent",)),
    "GetAlias": Rule(READ, collections=NAME),
    "ListAliases": Rule(READ, shared=PARENT, whole=True),
    "SetAlias": Rule(ADMIN, collections=("alias.name", "alias.collection")),
    "DeleteAlias": Rule(ADMIN, collections=NAME),
    "ListSnapshots": Rule(READ, collections=PARENT),
    "DeleteSnapshot": Rule(ADMIN, collections=NAME),
    "GetCollectionJob": Rule(READ, collections=NAME),
    "ListCollectionJobs": Rule(READ, collections=PARENT),
    "CreateCollectionJob": Rule(
        ADMIN,
        collections=("parent", "job.restore.snapshot"),
        collection_ids=("job.reembed.collection_id", "job.reembed.alias_id", "job.restore.collection_id"),
    ),
    "CancelCollectionJob": Rule(ADMIN, collections=NAME),
    "WatchCollectionJob": Rule(READ, collections=NAME),
    "DriveCollectionJob": Rule(ADMIN, whole=True),
}
_TAG = {
    "GetTagDefinition": Rule(READ, shared=NAME),
    "ListTagDefinitions": Rule(READ, shared=PARENT),
    "ListTagDefinitionVersions": Rule(READ, shared=NAME),
    "CreateTagDefinition": Rule(WRITE, shared=PARENT, whole=True),
    "UpdateTagDefinition": Rule(WRITE, shared=("tag_definition.name",), whole=True),
    "DeleteTagDefinition": Rule(ADMIN, shared=NAME, whole=True),
    "Tag": Rule(READ, shared=("parent", "tag_definition")),
}
# Not for keys with a collection scope: files stand outside collections. What a request refers to besides the names here
# must be of the same workspace, which the service checks.
_DATASET = {
    "GetDataset": Rule(READ, shared=NAME, whole=True),
    "ListDatasets": Rule(READ, shared=PARENT, whole=True),
    "CreateDataset": Rule(WRITE, shared=PARENT, whole=True),
    "UpdateDataset": Rule(WRITE, shared=("dataset.name",), whole=True),
    "DeleteDataset": Rule(ADMIN, shared=NAME, whole=True),
    "GetDatasetVersion": Rule(READ, shared=NAME, whole=True),
    "ListDatasetVersions": Rule(READ, shared=PARENT, whole=True),
    "CreateDatasetVersion": Rule(WRITE, shared=PARENT, whole=True),
    "UpdateDatasetVersion": Rule(WRITE, shared=("dataset_version.name",), whole=True),
    "DeleteDatasetVersion": Rule(ADMIN, shared=NAME, whole=True),
    "PublishDatasetVersion": Rule(WRITE, shared=NAME, whole=True),
    "CompareDatasetVersions": Rule(READ, shared=("name", "base"), whole=True),
    "GetFile": Rule(READ, shared=NAME, whole=True),
    "ListFiles": Rule(READ, shared=PARENT, whole=True),
    "ListFileIds": Rule(READ, shared=PARENT, whole=True),
    "BatchCreateFiles": Rule(WRITE, shared=PARENT, whole=True),
    "BatchUpdateFiles": Rule(WRITE, shared=PARENT, whole=True),
    "BatchDeleteFiles": Rule(WRITE, shared=PARENT, whole=True),
    "ReadFile": Rule(READ, shared=NAME, whole=True),
    "GetThumbnail": Rule(READ, shared=NAME, whole=True),
    "GetFileStatistics": Rule(READ, shared=PARENT, whole=True),
    "EditTags": Rule(WRITE, shared=PARENT, whole=True),
    "ListTagEdits": Rule(READ, shared=PARENT, whole=True),
    "SearchFiles": Rule(READ, shared=PARENT, whole=True),
    "ExplainSearchFiles": Rule(READ, shared=("request.parent",), whole=True),
    "ListNearDuplicates": Rule(READ, shared=PARENT, whole=True),
    "GetDatasetJob": Rule(READ, shared=NAME, whole=True),
    "ListDatasetJobs": Rule(READ, shared=PARENT, whole=True),
    "CreateDatasetJob": Rule(WRITE, shared=PARENT, whole=True),
    "UpdateDatasetJob": Rule(WRITE, shared=("job.name",), whole=True),
    "DeleteDatasetJob": Rule(ADMIN, shared=NAME, whole=True),
    "PauseDatasetJob": Rule(WRITE, shared=NAME, whole=True),
    "ResumeDatasetJob": Rule(WRITE, shared=NAME, whole=True),
    "CancelDatasetJob": Rule(WRITE, shared=NAME, whole=True),
    "RetryDatasetJob": Rule(WRITE, shared=NAME, whole=True),
    "WatchDatasetJob": Rule(READ, shared=NAME, whole=True),
    "ListJobFiles": Rule(READ, shared=PARENT, whole=True),
    "GetConnection": Rule(READ, shared=NAME, whole=True),
    "ListConnections": Rule(READ, shared=PARENT, whole=True),
    "CreateConnection": Rule(ADMIN, shared=PARENT, whole=True),
    "UpdateConnection": Rule(ADMIN, shared=("connection.name",), whole=True),
    "DeleteConnection": Rule(ADMIN, shared=NAME, whole=True),
    "ValidateConnection": Rule(ADMIN, shared=PARENT, whole=True),
    "ReadObject": Rule(ADMIN, shared=PARENT, whole=True),
}
_USAGE = {
    # Of all keys of a workspace; `workspaces/-` is a workspace that no bound key reaches.
    "ListUsage": Rule(ADMIN, shared=PARENT, whole=True),
}
RULES: Mapping[str, Rule] = {
    **{f"/sensorium.v1.EmbedService/{method}": rule for method, rule in _EMBED.items()},
    **{f"/sensorium.v1.SearchService/{method}": rule for method, rule in _SEARCH.items()},
    **{f"/sensorium.v1.TagService/{method}": rule for method, rule in _TAG.items()},
    **{f"/sensorium.v1.DatasetService/{method}": rule for method, rule in _DATASET.items()},
    **{f"/sensorium.v1.UsageService/{method}": rule for method, rule in _USAGE.items()},
    # Reflection tells what the contracts are, which are no secret; a key shows that somebody may ask at all.
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Rule(READ),
}
