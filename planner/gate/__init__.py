"""Holds a plan against a policy: one function a rule, from the plan alone. Finds figures and compares; solves nothing."""
