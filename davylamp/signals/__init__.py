"""What the fleet reports: one grouped read a tick for all active releases.

Nouns: Source, Watched, Sample. It reads and adds up; it doesn't judge.
"""
