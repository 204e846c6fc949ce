"""The answer, its independent check, and its explanation."""
