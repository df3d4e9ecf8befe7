"""What every method needs of a key: the one place where that is declared.

`read` looks, embeds, tags and searches; `write` changes documents, collections and tag definitions; `admin` also
deletes collections and all that stands for one, and starts long work. A method that is not here is for `admin` alone.
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
RULES: Mapping[str, Rule] = {
    **{f"/sensorium.v1.EmbedService/{method}": rule for method, rule in _EMBED.items()},
    **{f"/sensorium.v1.SearchService/{method}": rule for method, rule in _SEARCH.items()},
    **{f"/sensorium.v1.TagService/{method}": rule for method, rule in _TAG.items()},
    # Reflection tells what the contracts are, which are no secret; a key shows that somebody may ask at all.
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Rule(READ),
}
