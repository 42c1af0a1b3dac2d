"""The command line: one file a command group, `--json` everywhere.

It parses, calls the engine and prints; it decides nothing.
"""
