"""Single points: one deployment under one load, read from tables and benchmark results, spelt as the catalogs spell it."""
