"""Schema change: expand, migrate, contract. Every step works beside every build that is alive,
and rolling back is stopping where one is.

Nouns: Phase (where a statement belongs), Revision (one file of an Alembic history, with its SQL),
DualWrite (two columns kept equal while builds move from one to the other), Lineage (the order of
a database's revisions). It never decides about a release; `rollout` asks it.
"""
