"""Is the candidate worse? Pure functions over arrays.

Nouns: Sample, Series, Evidence, Verdict. No clock, no environment, no logging, nothing of
the engine but plain values. `hearing.judge(evidence, policy) -> Verdict` is the way in; this file
imports nothing, so that whoever needs only a Sample doesn't load scipy.
"""
