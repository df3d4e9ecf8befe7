"""Any text is a search with options, or refused with a column inside it."""

from hypothesis import given
from hypothesis import strategies as st

from sensorium.dataset.file_fields import FIELDS
from sensorium.dataset.search_reading import EVERY_MATCH, LARGEST_TOP_K, OPTIONS, read_search
from sensorium.errors import InvalidArgument, Reason
from sensorium.filters.parser import parse, parse_query
from sensorium.filters.printer import canonical
from sensorium.model.dataset_file import FileSelection
from sensorium.model.dataset_names import DatasetName, VersionName
from sensorium.model.file_search import FileSearchRequest

V1 = VersionName(DatasetName("default", "road"), 1)
PIECES = st.sampled_from(
    ["(", ")", "[", ",", ":", "=", "!=", "<", "and", "AND", "OR", "Not", "has", "in", "true", "FileName", "Tags.all",
     "DataSize", "FileUpdateTime", "meta.format", "Content", "TopK", "MaxResults", "ScoreThreshold", "ThumbnailMode",
     '"red"', '"h_200"', '"w_0"', "'it", "5", "0", "-1", "0.5", "1e999", "99999999999999999999", "2026-01-02", " ",
     "足", "\0", "\ud800"]
)  # fmt: skip
SOUND = st.sampled_from(
    ['Content:"two cars"', "TopK = 7", "MaxResults = 3", "ScoreThreshold = 0.5", 'ThumbnailMode = "w_7"',
     'FileType = "image"', 'NOT (FileDir : "b" OR HAS Tags)', "DataSize > 5"]
)  # fmt: skip


def refusal(text: str) -> InvalidArgument | None:
    """Return why a text is no search; None when it is one, whose parts are then as they should be."""
    try:
        wanted = read_search(FileSearchRequest(V1, selection=FileSelection(filter=text)), 100)
    except InvalidArgument as error:
        return error
    assert 1 <= wanted.page_size <= 100
    # A list in which nothing is looked for may have all matches.
    assert 1 <= wanted.top_k <= (LARGEST_TOP_K if wanted.query else EVERY_MATCH)
    assert parse(canonical(wanted.chosen.part), FIELDS) == wanted.chosen.part
    return None


@given(st.lists(PIECES, max_size=14).map(" ".join) | st.text(max_size=30))
def test_any_text_is_a_search_or_refused_with_a_column_inside_it(text: str) -> None:
    error = refusal(text)
    if error:
        assert error.reason is Reason.FILTER_INVALID
        assert 1 <= int(error.metadata["column"]) <= len(text) + 1


@given(st.lists(SOUND, min_size=1, max_size=6, unique=True))
def test_options_and_conditions_join_in_any_order(parts: list[str]) -> None:
    read = parse_query(" AND ".join(parts), FIELDS, OPTIONS)
    options = [part for part in parts if part.split(" ")[0].partition(":")[0] in OPTIONS.names]
    assert sorted(each.field.name for each in read.options) == sorted(
        part.split(" ")[0].partition(":")[0] for part in options
    )
    conditions = [part for part in parts if part not in options]
    assert canonical(read.filter) == canonical(parse(" AND ".join(conditions), FIELDS))
    assert refusal(" AND ".join(parts)) is None
