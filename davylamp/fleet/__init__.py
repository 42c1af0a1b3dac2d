"""What runs where.

Nouns: Platform, Instance, StartOrder. It starts, stops and lists; which copy gets traffic
is not its business.
"""
