"""Demand over a horizon of months, laid out in the periods that everything behind the problem file knows."""
