"""Exact tests of counts and of orders: arithmetic alone, which must not know what was counted.

SciPy is loaded when a test is made and not before: it takes longer to load than all checks take together.
"""
