"""What to do next, and doing it.

Nouns: Plan, ReleaseState, Decision. `decide` is pure and total; `conduct` is the only
place with effects.
"""
