"""What is told of releases and of the fleet: pages, pictures, and figures over many releases.

Reads the ledger, changes nothing. A page is one file: nothing else has to be there to read it.
"""
