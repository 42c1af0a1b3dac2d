"""Envoy as a router: clusters and routes by file, shares over a stream that must be kept alive.

Nouns: Document (a file Envoy watches), Share, Stream. Nothing here knows the ledger or the
clock of the database.
"""
