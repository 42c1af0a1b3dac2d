"""Repair: what is to be done about a finding of the audit, planned, shown, and carried out.

Nouns: Concern (a finding, as its document tells it), Action, Sight (a service as it is right now),
Planned, Done. Nothing here acts by itself: somebody asks, and everything is looked at again right
before. Findings about data, schema or flags are never repaired: a person is told what to do.
"""
