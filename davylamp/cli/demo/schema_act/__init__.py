"""`davylamp demo --act schema`: a column is renamed under load, in two releases, and dropped.

Nouns: step (one thing that was tried, and how it ended), evidence (what was measured beside it),
report. Steps are carried out by the very functions that `davylamp release`, `schema contract` and
`rollback` call.
"""
