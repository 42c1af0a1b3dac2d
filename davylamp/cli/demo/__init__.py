"""`davylamp demo`: the whole story on the embedded plane, ending in a report.

Nouns: load (what users do, in its own process), record (one request of a user), facts (what
the ledger says of a release), report. The report is computed by pure functions; the story
only goes the way every operator goes: push an image, and watch.
"""
