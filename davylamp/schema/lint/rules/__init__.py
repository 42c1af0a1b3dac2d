"""The rules, a file a group. To add one: write a function like those in `partitions.py`, list it
in the file's RULES, and the file in `all_rules.py`."""
