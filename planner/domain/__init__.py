"""Frozen, strict objects: what a problem says and what the catalogs know."""
