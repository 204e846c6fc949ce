"""What a reviewer would ask about a problem file that is valid: one function a rule, each with its reason and its source."""
