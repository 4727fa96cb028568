"""Least privilege, by evidence: what each function's role allows, held against the calls that were seen.

`policies` reads IAM's policy documents, `actions` says which permission a call needs, `roles` reads back what is
deployed, `table` holds one against the other, and `report` shows it. Nothing here knows what a function does, nor what it should be allowed.
"""
