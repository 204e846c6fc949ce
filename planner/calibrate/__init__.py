"""Holds the performance model against measurements and fits it to them.

Effects say what may be found, a robust fit finds it, an overlay writes it down as catalog rows of factors and evidence. Whole
models, accelerators or quarters of the points are left out to see how far predictions of the unseen are off; scores, figures
and the accuracy page tell.
"""
