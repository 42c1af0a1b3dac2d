"""Benchmarks: each file measures one thing on real parts and prints one table.

`python -m benchmarks` runs them all. Nothing here is a test: absolute times vary by machine.
"""
