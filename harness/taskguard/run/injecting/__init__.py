"""Brings about what a plan of faults asks for, while a run goes on."""
