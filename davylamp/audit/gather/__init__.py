"""Gathering: the only part of the audit that asks anybody. It makes an Inventory."""
