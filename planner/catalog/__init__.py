"""Loads, merges and checks catalogs and problem files; imports model configs."""
