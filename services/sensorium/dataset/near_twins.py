"""Groups files that are almost the same, by comparing each vector with every other."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.model.document import Document, DocumentView
from sensorium.model.embedding import Embedding
from sensorium.model.names import CollectionName
from sensorium.model.vector import Vector
from sensorium.ports import Searcher

PAGE = 1000
# Rows that are compared with all others at a time: 20,000 columns of float32 make 20 MB.
BLOCK = 256
VECTORS = DocumentView(tags=False, attributes=False, embedding=True)

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Twins:
    """The ids of one group, largest file first, and the least similarity of one to its nearest in the group."""

    ids: tuple[str, ...]
    least_score: float


async def near_twins(
    searcher: Searcher, collection: CollectionName, sizes: Mapping[str, int], least: float
) -> list[Twins]:
    """Return the groups among the files of `sizes` (bytes by id), largest group first.

    Files are in one group when a chain of files joins them, of which neighbours have a cosine of `least` or more.
    """
    ids, vectors = await _vectors(searcher, collection, sizes)
    if not ids:
        return []
    roots, best = await asyncio.to_thread(_joined, vectors, least)
    groups: dict[int, list[int]] = {}
    for place, root in enumerate(roots.tolist()):
        groups.setdefault(root, []).append(place)
    found = [
        Twins(
            tuple(sorted((ids[place] for place in group), key=lambda each: (-sizes[each], each))),
            min(1.0, float(best[group].min())),
        )
        for group in groups.values()
        if len(group) > 1
    ]
    return sorted(found, key=lambda each: (-len(each.ids), each.ids[0]))


async def _vectors(
    searcher: Searcher, collection: CollectionName, sizes: Mapping[str, int]
) -> tuple[list[str], Matrix]:
    """Return the files that have vectors, and their unit vectors, shape [files, dimension]."""
    wanted = list(sizes)
    ids: list[str] = []
    rows: list[Matrix] = []
    for start in range(0, len(wanted), PAGE):
        for each in await searcher.get_documents(collection, wanted[start : start + PAGE], VECTORS):
            match each:
                case Document(id=identifier, source=Embedding(dense=Vector() as vector)):
                    ids.append(identifier)
                    rows.append(vector.to_numpy())
    if not rows:
        return [], np.zeros((0, 0), np.float32)
    stacked = np.stack(rows).astype(np.float32)
    lengths = np.linalg.norm(stacked, axis=1, keepdims=True)
    return ids, np.asarray(stacked / np.where(lengths == 0, 1, lengths), np.float32)


def _joined(vectors: Matrix, least: float) -> tuple[NDArray[np.int64], Matrix]:
    """Return the group of each vector, by the place of its first, and how near its nearest neighbour is."""
    roots = np.arange(len(vectors))
    best = np.full(len(vectors), -1, np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] @ vectors.T
        block[np.arange(len(block)), np.arange(start, start + len(block))] = -1
        best[start : start + len(block)] = block.max(axis=1)
        for place, row in enumerate(block, start):
            others = np.unique(roots[(row >= least) & (roots != roots[place])])
            if len(others):
                together = np.append(others, roots[place])
                roots[np.isin(roots, together)] = together.min()
    return roots, best
