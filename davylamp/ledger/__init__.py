"""The record: what was decided, by what evidence, and what is live.

Nouns: release, event, route intent, lease, fence. Written before it is acted on; no rule
about releases is made here beyond what the database itself can hold.
"""
