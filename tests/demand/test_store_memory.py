"""Memory of indexes against the examples that vendors publish."""

from __future__ import annotations

import pytest

from planner.demand.store_memory import index_bytes


def test_qdrant() -> None:
    """Qdrant documentation, capacity planning: a million vectors of 1024 dimensions take 5.72 GiB."""
    assert index_bytes(1e6, 1024, 4.0, 16, "qdrant") / 2**30 == pytest.approx(5.72, abs=0.005)


@pytest.mark.parametrize(
    ("bits", "published"),
    [(16, 0.656 * 2**30), (7, 0.387e9), (4, 0.282e9), (2, 0.211e9), (1, 0.176e9)],
)
def test_opensearch(bits: float, published: float) -> None:
    """OpenSearch documentation, k-NN memory estimation: a million vectors of 256 dimensions, m = 16.

    The page gives the figure of fp16 in GiB and the others in GB, both called GB.
    """
    assert index_bytes(1e6, 256, bits / 8, 16, "opensearch") == pytest.approx(published, rel=0.003)


def test_scylladb_by_hand() -> None:
    """1.2·(768·4 + 16·16) = 3993.6 B a vector."""
    assert index_bytes(1, 768, 4.0, 16, "hnsw") == pytest.approx(3993.6)


@pytest.mark.parametrize(("each", "published"), [(4.0, 4 * 768 + 8), (2.0, 2 * 768 + 8), (0.125, 768 / 8 + 8)])
def test_pgvector(each: float, published: float) -> None:
    """Pgvector README: 4·D + 8, 2·D + 8 and D/8 + 8 bytes."""
    assert index_bytes(1, 768, each, 16, "pgvector") == published
