"""The embedded plane: one supervisor for Envoy, PostgreSQL, the registry and the processes.

Nouns: Component, Supervisor. It owns every process it starts, and leaves none behind.
"""
