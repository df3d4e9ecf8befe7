"""Tags files by a version of a definition, through the tag service."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, exists, not_

from sensorium.dataset import tags
from sensorium.dataset.jobs.engine import Outcome, Planned
from sensorium.dataset.jobs.version_files import OpenVersion, contents_of
from sensorium.dataset.jobs.work_json import work_from_json
from sensorium.dataset.model_services.sources import ModelSources
from sensorium.dataset.selecting import filter_of, selected
from sensorium.dataset.tables import files, taggings
from sensorium.errors import SensoriumError
from sensorium.model.content import Content
from sensorium.model.dataset_job import IndexWork, JobMode, TagWork, Work
from sensorium.model.dataset_names import ConnectedModel
from sensorium.model.embedding import Priority
from sensorium.model.tagging import AssignedTag, ContentTags, TagRequest, TagResponse
from sensorium.ports import Tagger


class Tagging:
    """Implements `engine.FileWork`; tags of other definitions and those that people gave stay.

    Args:
        opened: Opens the storage of a version.
        tagger: Tags contents by the models of this mesh, and keeps definitions.
        sources: Gives what tags by the models of connections.
    """

    def __init__(self, opened: OpenVersion, tagger: Tagger, sources: ModelSources) -> None:
        self._opened = opened
        self._tagger = tagger
        self._sources = sources

    async def pinned(self, job: Planned) -> Work:
        """Return the work by the version of the definition that is the latest now, unless it names one, and one model.

        Raises:
            NotFound: There is no such definition or connection.
            InvalidArgument: The connection has no such model.
            SensoriumError: The service of the connection cannot be used.
        """
        work = _work(job.work)
        found = await self._tagger.get_definition(work.definition, work.definition_version)
        work = replace(work, definition_version=found.version)
        if work.connection is None:
            return work
        info = await (await self._sources.source(work.connection, work.model)).embedder.model("")
        there = ConnectedModel.find(info.name)
        return replace(work, model=there.model if there else work.model)

    async def chosen(self, job: Planned) -> ColumnElement[bool]:
        """Return the condition for the files; incrementally those that changed since the definition tagged them."""
        work = _work(await self.pinned(job))
        mine = selected(job.version, work.selection, filter_of(work.selection))
        if job.mode is JobMode.FULL:
            return mine
        done = exists().where(
            taggings.c.file == files.c.key,
            taggings.c.definition == str(work.definition),
            taggings.c.definition_version == work.definition_version,
            taggings.c.fingerprint == files.c.fingerprint,
            taggings.c.superseded_by == "",
            _by_same_model(work),
        )
        return and_(mine, not_(done))

    async def process(self, job: Row[Any], files: Sequence[Row[Any]]) -> Outcome:
        """Tag some files in one call of the tag service."""
        work = _work(work_from_json(job.work))
        contents = await contents_of(await self._opened(job.version), files)
        good = [(row, each) for row, each in zip(files, contents, strict=True) if isinstance(each, Content)]
        errors: dict[int, SensoriumError | None] = {
            row.key: each for row, each in zip(files, contents, strict=True) if isinstance(each, SensoriumError)
        }
        said: dict[int, dict[str, Any]] = {}
        if good:
            response = await self._tagged(work, tuple(content for _, content in good))
            for (row, _), result in zip(good, response.results, strict=True):
                match result:
                    case ContentTags():
                        said[row.key], errors[row.key] = _said(work, response, row, result), None
                    case error:
                        errors[row.key] = error

        def record(sql: Connection, mine: set[int]) -> None:
            tags.tag(sql, job.version, job.id, {key: each for key, each in said.items() if key in mine})

        return Outcome(errors, record)

    async def _tagged(self, work: TagWork, contents: tuple[Content, ...]) -> TagResponse:
        """Return the tags by this mesh, or by the connection that the work names."""
        request = TagRequest(
            work.definition,
            contents,
            work.definition_version,
            priority=Priority.BULK,
            workspace=work.definition.workspace,
        )
        if work.connection is None:
            return await self._tagger.tag(request)
        source = await self._sources.source(work.connection, work.model)
        found = await self._tagger.get_definition(work.definition, work.definition_version)
        tagged = await source.tagger.tag_by(replace(found.spec, model=""), request)
        return replace(tagged, version=work.definition_version)


def tagged_before(work: TagWork | IndexWork) -> ColumnElement[bool]:
    """Return the condition for the files that the definition of the work, in any version, has tagged."""
    definition = str(_work(work).definition)
    current = taggings.c.superseded_by == ""
    return exists().where(taggings.c.file == files.c.key, taggings.c.definition == definition, current)


def _by_same_model(work: TagWork) -> ColumnElement[bool]:
    """Return the condition that the connection of the work gave a tagging, or that none did."""
    if work.connection:
        return taggings.c.model == str(ConnectedModel(work.connection, work.model))
    return not_(taggings.c.model.like("workspaces/%/connections/%"))


def _said(work: TagWork, response: TagResponse, row: Row[Any], result: ContentTags) -> dict[str, Any]:
    return {
        "definition": str(work.definition),
        "definition_version": response.version,
        "model": response.model,
        "model_revision": response.model_revision,
        "fingerprint": row.fingerprint,
        "tags": [_kept(each) for each in result.tags],
    }


def _kept(tag: AssignedTag) -> list[str | float | int]:
    evidence = tag.evidence
    return [tag.tag, tag.group, tag.score, evidence.explanation, evidence.similarity, evidence.part_index]


def _work(work: Work) -> TagWork:
    assert isinstance(work, TagWork)  # noqa: S101  # The engine chose by its kind.
    return work
