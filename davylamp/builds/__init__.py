"""Immutable artifacts: images by digest, their signatures, and the contract they carry.

Nouns: Registry, Manifest, ImageReference, BuiltImage, VerifiedBuild, Rootfs, Contract. A tag is
resolved once; nothing here believes a byte whose digest it has not computed.
"""
