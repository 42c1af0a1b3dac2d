"""Audit: what in the fleet isn't what the ledger says it should be. Says it, and changes nothing.

Nouns: Inventory (what was seen, as a document), Fleet (the same as frames), rule, Finding,
waiver. All pure but `gather`, which alone asks ledger, platform, routers and databases.
"""
