"""How much memory an index of vectors takes, by the formulas that vendors publish for sizing."""

from __future__ import annotations

from planner.domain.store_facts import Index, StorePrecision

BYTES: dict[StorePrecision, float] = {"float32": 4.0, "float16": 2.0, "int8": 1.0, "int4": 0.5, "binary": 0.125}
"""Bytes that a dimension takes."""

HNSW_OVERHEAD, HNSW_LINK = 1.2, 16.0
"""Overhead and bytes per link of a graph index in general (ScyllaDB's sizing)."""

OPENSEARCH_OVERHEAD, OPENSEARCH_LINK = 1.1, 8.0
"""The same for OpenSearch."""

QDRANT_OVERHEAD = 1.5
"""Factor on the bare vectors: links, and segments while they are optimized."""

PGVECTOR_HEADER = 8.0
"""Bytes of a vector's header."""


def index_bytes(vectors: float, dimensions: float, bytes_per_dimension: float, links: float, index: Index) -> float:
    """Return the memory of an index.

    hnsw 1.2·N(D·B + 16·m);  opensearch 1.1·N(D·B + 8·m);  qdrant 1.5·N·D·B;  pgvector N(D·B + 8);  flat N·D·B

    Parameters
    ----------
    vectors : N [1]
    dimensions : D [1]
    bytes_per_dimension : B [B]
    links : m, per vector [1]
    index : kind

    Returns
    -------
    float [B]

    Notes
    -----
    Payload is not counted. The formula of pgvector is that of its storage, without a graph; `flat` is for stores whose sellers
    state how many vectors fit.

    Examples
    --------
    A million vectors of 1024 dimensions in Qdrant, 5.72 GiB as published:

    >>> round(index_bytes(1e6, 1024, 4.0, 16, "qdrant") / 2**30, 2)
    5.72

    References
    ----------
    ScyllaDB, "Vector Search sizing"; OpenSearch documentation, "k-NN memory estimation"; Qdrant documentation, "Capacity
    planning"; pgvector README.
    """
    bare = dimensions * bytes_per_dimension
    each = {
        "hnsw": HNSW_OVERHEAD * (bare + HNSW_LINK * links),
        "opensearch": OPENSEARCH_OVERHEAD * (bare + OPENSEARCH_LINK * links),
        "qdrant": QDRANT_OVERHEAD * bare,
        "pgvector": bare + PGVECTOR_HEADER,
        "flat": bare,
    }
    return vectors * each[index]
