"""Random writes, deletes, restarts and searches on zvec, compared with a dictionary and numpy."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from search_samples import NAME, document, make, near, put, unit_vectors

from sensorium.model.collection import AttributeField, AttributeType, CollectionField, CollectionSpec, CollectionUpdate
from sensorium.model.document import AttributeValue, Document, DocumentMask
from sensorium.model.names import AliasName
from sensorium.model.search import ChangeRequest, Selection
from sensorium.model.vector import Metric
from sensorium.search import planner
from sensorium.search.embedded import embedded_search
from sensorium.search.exact_index import ExactIndexes
from sensorium.search.geometry import scores
from sensorium.search.index import Indexes
from sensorium.settings import SearchSettings

# Few directions, so that vectors and scores are often equal.
VECTORS = np.concatenate([unit_vectors(12, seed=3), 2 * unit_vectors(4, seed=3)])
IDS = st.sampled_from([f"d{n}" for n in range(12)])
PLACES = st.integers(0, len(VECTORS) - 1)
SETTINGS = SearchSettings(flush_after=7, optimize_after=5, optimize_at=5)
METRICS = st.sampled_from([Metric.DOT, Metric.EUCLIDEAN, Metric.COSINE])


ALIAS = AliasName("default", "live")
MARK = AttributeField("mark", AttributeType.STRING)

# What documents at a place satisfy.
FILTERS: dict[str, Callable[[int], bool]] = {
    "n < 5": lambda place: place < 5,
    "NOT n >= 12": lambda place: place < 12,
    "words:'odd' AND n > 3": lambda place: place % 2 == 1 and place > 3,
    "NOT words:'odd'": lambda place: place % 2 == 0,
    "tags HAS 'it''s' OR n = 1".replace("''", "\\'"): lambda place: place % 3 == 0 or place == 1,
    "NOT HAS words": lambda place: False,
}


def described(name: str, place: int) -> Document:
    attributes: dict[str, AttributeValue] = {"n": place, "words": "an Odd one" if place % 2 else "even"}
    return replace(document(name, VECTORS[place]), tags=("it's",) if place % 3 == 0 else (), attributes=attributes)


class SearchMachine(RuleBasedStateMachine):
    """A service and what it must hold; `NAME` is reached by its alias too."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._directory = Path(tempfile.mkdtemp())
        self._expected: dict[str, int] = {}
        self._marked: set[str] = set()
        self._marks_declared = False
        self._open()

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(work)

    def _open(self) -> None:
        self._context = embedded_search(self._directory, SETTINGS, self._indexes())
        self._service = self._run(self._context.__aenter__())

    def _indexes(self) -> Indexes | None:
        return None  # zvec's, which are the default

    def _close(self) -> None:
        self._run(self._context.__aexit__(None, None, None))

    @initialize(metric=METRICS)
    def create(self, metric: Metric) -> None:
        self._metric = metric
        self._declared = (AttributeField("n", AttributeType.INT), AttributeField("words", AttributeType.STRING))
        spec = CollectionSpec(dimension=8, metric=metric, attributes=self._declared)
        self._run(make(self._service, spec))
        self._run(self._service.set_alias(ALIAS, NAME))

    @rule(batch=st.lists(st.tuples(IDS, PLACES), min_size=1, max_size=6))
    def upsert(self, batch: list[tuple[str, int]]) -> None:
        response = self._run(put(self._service, *(described(name, place) for name, place in batch)))
        assert response.written_count == len(batch)
        self._expected |= dict(batch)
        self._marked -= dict(batch).keys()

    @rule(batch=st.lists(st.tuples(IDS, st.booleans()), min_size=1, max_size=4))
    def change(self, batch: list[tuple[str, bool]]) -> None:
        """Give documents marks, which other attributes and their vectors outlive."""
        given = tuple(Document(name, attributes={"mark": "a Mark"} if marked else {}) for name, marked in batch)
        mask = DocumentMask(tags=False, attributes=False, attribute_names=("mark",))
        outcomes = self._run(self._service.change_documents(ChangeRequest(ALIAS.as_collection, given, mask)))
        assert [error is None for error in outcomes] == [name in self._expected for name, _ in batch]
        for name, marked in batch:
            if name in self._expected:
                (self._marked.add if marked else self._marked.discard)(name)

    @precondition(lambda self: hasattr(self, "_metric"))
    @rule()
    def declare(self) -> None:
        """Declare the marks."""
        fields = (CollectionField.ATTRIBUTES,)
        self._run(self._service.update_collection(CollectionUpdate(NAME, fields, attributes=(MARK,))))
        self._marks_declared = True

    @precondition(lambda self: self._marks_declared)
    @rule(place=PLACES, top_k=st.integers(1, 15), filtered=st.sampled_from(["mark:'mark'", "NOT HAS mark"]))
    def search_marked(self, place: int, top_k: int, filtered: str) -> None:
        wanted = self._marked if filtered == "mark:'mark'" else self._expected.keys() - self._marked
        request = replace(near(VECTORS[place], top_k=top_k, filter=filtered), collection=ALIAS.as_collection)
        hits = self._run(self._service.search(request)).hits
        best = {name: score for name, score in self._scores(place).items() if name in wanted}
        assert len(hits) == min(top_k, len(best))
        np.testing.assert_allclose([hit.score for hit in hits], sorted(best.values(), reverse=True)[:top_k], atol=1e-5)
        assert {hit.document.id for hit in hits} <= wanted

    @rule(names=st.lists(IDS, min_size=1, max_size=4))
    def delete(self, names: list[str]) -> None:
        deleted = self._run(self._service.delete_documents(NAME, names))
        assert deleted == len(self._expected.keys() & set(names))
        for name in names:
            self._expected.pop(name, None)
        self._marked &= self._expected.keys()

    @rule(place=PLACES, top_k=st.integers(1, 15))
    def search(self, place: int, top_k: int) -> None:
        hits = self._run(self._service.search(near(VECTORS[place], top_k=top_k))).hits
        best = self._scores(place)
        assert len(hits) == min(top_k, len(best))
        # Which of several equal scores come last is open, the scores are not.
        np.testing.assert_allclose([hit.score for hit in hits], sorted(best.values(), reverse=True)[:top_k], atol=1e-5)
        np.testing.assert_allclose([hit.score for hit in hits], [best[hit.document.id] for hit in hits], atol=1e-5)
        order = [(-hit.score, hit.document.id) for hit in hits]
        assert order == sorted(order)

    @rule(
        place=PLACES, top_k=st.integers(1, 15), filtered=st.sampled_from(sorted(FILTERS)), few=st.sampled_from([0, 500])
    )
    def search_filtered(self, place: int, top_k: int, filtered: str, few: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(planner, "FEW", few)
            hits = self._run(self._service.search(near(VECTORS[place], top_k=top_k, filter=filtered))).hits
        best = {name: score for name, score in self._scores(place).items() if FILTERS[filtered](self._expected[name])}
        assert len(hits) == min(top_k, len(best))
        np.testing.assert_allclose([hit.score for hit in hits], sorted(best.values(), reverse=True)[:top_k], atol=1e-5)
        np.testing.assert_allclose([hit.score for hit in hits], [best[hit.document.id] for hit in hits], atol=1e-5)
        assert self._run(self._service.count_documents(NAME, Selection(filtered))) == len(best)

    @rule(filtered=st.sampled_from(sorted(FILTERS)))
    def delete_filtered(self, filtered: str) -> None:
        gone = [name for name, place in self._expected.items() if FILTERS[filtered](place)]
        assert self._run(self._service.delete_selected(NAME, Selection(filtered))) == len(gone)
        for name in gone:
            del self._expected[name]
        self._marked &= self._expected.keys()

    @rule()
    def restart(self) -> None:
        self._close()
        self._open()

    @precondition(lambda self: self._expected)
    @rule()
    def lose_the_index(self) -> None:
        self._close()
        shutil.rmtree(self._directory / "search" / "index", ignore_errors=True)
        self._open()

    @invariant()
    def count(self) -> None:
        if hasattr(self, "_metric"):
            assert self._run(self._service.count_documents(NAME)) == len(self._expected)

    def _scores(self, place: int) -> dict[str, float]:
        if not self._expected:
            return {}
        rows = VECTORS[list(self._expected.values())]
        if self._metric is Metric.COSINE:
            rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return dict(zip(self._expected, scores(rows, VECTORS[place], self._metric).tolist(), strict=True))

    def teardown(self) -> None:
        self._close()
        self._loop.close()
        shutil.rmtree(self._directory)


class ExactMachine(SearchMachine):
    """The same with the exact index, to which zvec is held: what one must hold, the other must."""

    def _indexes(self) -> Indexes | None:
        return ExactIndexes()


TestSearchMachine = SearchMachine.TestCase
TestExactMachine = ExactMachine.TestCase
TestSearchMachine.settings = TestExactMachine.settings = settings(
    max_examples=8, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
