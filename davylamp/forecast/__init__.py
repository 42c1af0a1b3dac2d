"""Forecast: the arithmetic of blast radius. Pure numpy; imports nothing of the engine.

Nouns: Assumptions (what is believed of a fleet), harm (user-minutes on a bad build), lever (what
could be changed, and what that would save).
"""
