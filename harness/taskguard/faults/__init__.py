"""Faults that are injected on purpose: what they are called, where and how often they strike, and who brings them about.

What strikes inside an engine is brought about by :mod:`taskguard.engine.faults`; what anybody with access to a stack can do to it
is done from outside, by the nemesis.
"""
