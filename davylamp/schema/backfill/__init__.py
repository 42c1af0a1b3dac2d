"""The backfill: brings a table's rows into their new shape while the application goes on.

Nouns: Batch (rows between two keys, changed in one transaction together with the cursor), Pace (how
many rows the next one has), Load (how the database feels), Progress. It starts only once the dual
write is in place, so it has to look only at the rows that were there then.
"""
