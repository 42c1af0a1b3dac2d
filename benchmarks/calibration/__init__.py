"""The judge's calibration: streams from generators that share nothing, and what judges say of them."""
