"""The rules, one a file; `all_rules` lists them. A new one: copy `unknown_service`."""
