"""Who gets which build.

Nouns: Router, Weights, the traffic controller. It carries out what the ledger's route
intents say and returns to stable whenever nobody vouches for a candidate; it decides
nothing.
"""
