"""Least privilege, by evidence: what each function's role allows, held against the calls that were seen.

`policies` reads IAM's policy documents, `actions` says which permission a call needs, `roles` reads back what is
deployed, `table` holds one against the other, and `report` shows it. Nothing here knows what a function does, nor what it should be allowed.
"""

from taskguard.operating.privileges.actions import Place
from taskguard.operating.privileges.policies import Access, Statement
from taskguard.operating.privileges.report import as_markdown, faults
from taskguard.operating.privileges.roles import Role, roles_of
from taskguard.operating.privileges.table import Row, State, Use, table_of, uses_of

__all__ = [
    "Access",
    "Place",
    "Role",
    "Row",
    "State",
    "Statement",
    "Use",
    "as_markdown",
    "faults",
    "roles_of",
    "table_of",
    "uses_of",
]
