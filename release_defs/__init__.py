"""Releases as Dagster jobs. Thin: every decision is made in `davylamp`."""
