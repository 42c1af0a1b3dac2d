"""The judge's calibration: streams of generators that share nothing, and judges' words on them."""
