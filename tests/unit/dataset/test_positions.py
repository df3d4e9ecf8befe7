"""Masks become the bitmaps of their true places, however many there are of them in a stretch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from sensorium.dataset.bitmaps.positions import bitmap_of, bitmap_where, positions_in


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.0624, 0.0626, 0.5, 1.0])
def test_a_mask_becomes_the_bitmap_of_its_true_places(size: int, share: float) -> None:
    mask = np.random.default_rng(7).random(size) < share
    found = bitmap_where(mask)
    assert found == BitMap(np.flatnonzero(mask).tolist())
    assert positions_in(found).tolist() == np.flatnonzero(mask).tolist()


@given(st.sets(st.integers(0, 1 << 18), max_size=50))
def test_positions_come_back_from_a_bitmap(places: set[int]) -> None:
    assert positions_in(bitmap_of(np.array(sorted(places), np.int64))).tolist() == sorted(places)
