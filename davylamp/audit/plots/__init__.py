"""Pictures of the fleet: how old each service's version is, and findings over time."""
