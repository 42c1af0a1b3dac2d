"""Which phase does a statement belong to, and what would it do beside live builds?

Nouns: Part (a statement, or one subcommand of an ALTER TABLE), Rule (pure: a Part and a Context
give Verdicts), Context (what earlier statements made known), Finding (a verdict with its place).
A statement that no rule knows is refused. It reads no database; `lock_trace` does.
"""
