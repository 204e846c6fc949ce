"""Pure, broadcasting formulas: memory, iteration time, steady state, tails. Knows no files and no pydantic."""
