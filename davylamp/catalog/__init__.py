"""Which services exist, and how each wants to be released.

Nouns: Service, Catalog, ReleasePolicy. YAML comes in, frozen values go out; this package
may not ask the world anything.
"""
