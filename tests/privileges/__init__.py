"""Least privilege, by the evidence of a whole test session: what each function's role allows, held against the calls that were seen.

`policies` reads IAM's policy documents, `roles` reads back what is deployed, `table` holds calls against them, and `report` shows it.
"""
