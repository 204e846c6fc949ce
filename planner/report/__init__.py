"""Shows a plan; computes nothing."""
