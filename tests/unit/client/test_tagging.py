"""Tag definitions and tags as a caller of the client sees them."""

import pytest
from memory_mesh import MemoryMesh

from sensorium import AsyncClient, Client, TagDefinitionSpec, TagSpec
from sensorium.errors import Aborted, InvalidArgument, NotFound

TAGS = {"aaa": "", "bbb": "b"}


async def test_tags_are_given_as_descriptions_names_or_specs(client: AsyncClient) -> None:
    by_name = await client.create_tag_definition("a", TAGS, threshold=0.4, display_name="A")
    assert by_name.spec == TagDefinitionSpec((TagSpec("aaa"), TagSpec("bbb", "b")), "A", threshold=0.4)
    mixed = await client.create_tag_definition("b", ["aaa", TagSpec("bbb", threshold=0.9)])
    assert mixed.spec.tags == (TagSpec("aaa"), TagSpec("bbb", threshold=0.9))


async def test_an_update_changes_what_is_given(client: AsyncClient) -> None:
    created = await client.create_tag_definition("a", TAGS, threshold=0.4, max_tag_count=2)
    updated = await client.update_tag_definition("a", tags=["zzz"], max_tag_count=0, etag=created.etag)
    assert (updated.spec.tags, updated.spec.threshold, updated.spec.max_tag_count) == ((TagSpec("zzz"),), 0.4, 0)
    with pytest.raises(Aborted):
        await client.update_tag_definition("a", display_name="x", etag=created.etag)
    assert [each.version async for each in client.tag_definition_versions("a")] == [2, 1]
    assert await client.get_tag_definition("a", version=1) == created


async def test_definitions_of_several_pages_are_listed(client: AsyncClient) -> None:
    for name in "cab":
        await client.create_tag_definition(name, TAGS)
    assert [each.name.id async for each in client.tag_definitions()] == ["a", "b", "c"]
    await client.delete_tag_definition("b")
    with pytest.raises(NotFound):
        await client.get_tag_definition("b")


async def test_many_contents_are_tagged_in_batches(client: AsyncClient, mesh: MemoryMesh) -> None:
    await client.create_tag_definition("a", TAGS)
    tagged = await client.tag("a", ["aaa", " ", "bbb", "zzz"], batch_size=3, candidates=1)
    asked = [(len(request.contents), request.version) for request in mesh.tagger.requests]
    assert asked == [(3, 0), (1, 1)]  # An update between two calls must not mix versions.
    assert [each.tag for each in tagged[0].tags] == ["aaa"]
    assert (tagged[3].tags, len(tagged[3].candidates)) == ((), 1)
    assert (list(tagged.errors), tagged.version, tagged.usage.token_count, len(tagged)) == ([1], 1, 4, 4)
    with pytest.raises(InvalidArgument):
        tagged.raise_for_errors()
    with pytest.raises(InvalidArgument):
        list(tagged)


async def test_a_definition_may_be_for_one_call_alone(client: AsyncClient) -> None:
    tagged = await client.tag(TagDefinitionSpec((TagSpec("aaa"),)), "aaa")
    assert (tagged.version, [each.tag for each in tagged[0].tags]) == (0, ["aaa"])


async def test_a_full_name_names_its_workspace(client: AsyncClient, mesh: MemoryMesh) -> None:
    await client.create_tag_definition("workspaces/other/tagDefinitions/a", TAGS)
    await client.tag("workspaces/other/tagDefinitions/a", "aaa")
    assert mesh.tagger.requests[0].workspace == "other"
    assert [each async for each in client.tag_definitions()] == []
    with pytest.raises(InvalidArgument):
        await client.tag("a/b", "aaa")


def test_the_synchronous_client_tags_too(mesh: MemoryMesh) -> None:
    with Client(connect=mesh.connect) as client:
        client.create_tag_definition("a", TAGS)
        assert [each.name.id for each in client.tag_definitions()] == ["a"]
        assert client.tag("a", "aaa")[0].tags[0].tag == "aaa"
