"""Telling others what an audit found: a signed webhook, and figures for Prometheus.

Nouns: Alert (a notice in the ledger's outbox), Sent, Metric. A notice is written in the audit's own
transaction and sent afterwards, so that none is lost; no finding is judged here.
"""
