"""A page for two runs side by side: what became worse, what better, and what else differs.

`page` has what it says, and its template how it looks. It judges neither run.
"""
