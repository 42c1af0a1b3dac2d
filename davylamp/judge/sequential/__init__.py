"""The sequential judge: may be asked every second, and may stop for harm at any look.

Nouns: Tick (what all sides did in one second), test (an e-process in logarithms, one row a
release), evidence. Everything is an array with the releases as first axis, so that one release
and five hundred run through the same lines. numpy only.

Source of the design: Lindon, Sanden & Shirikian (KDD 2022, arXiv 2205.14762); Turner & Grünwald
(arXiv 2106.02693); Waudby-Smith & Ramdas (arXiv 2010.09686).
"""
