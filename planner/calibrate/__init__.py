"""Holds the performance model against measurements: fits it, leaves parts out, scores what is left, says where it is weak."""
