"""A fleet of hundreds or thousands of services that exists only as what it says of itself.

It stands behind the engine's own protocols: Platform, Envoy's admin, the copies' own reports, a
registry over HTTP, the Source of samples. Ledger, catalog, databases and sensors are real. Faults
can be planted, and each knows what an audit has to find for it.
"""
