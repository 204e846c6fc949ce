"""The next problem of an executed plan: time moved on, and what was signed carried along as it was signed."""
