"""The mixed-integer program: the only room that knows a solver."""
