"""Brings faults about inside the engine: in the AWS calls of functions, in their processes, and in messages on their way.

Which faults there are and where they strike is :mod:`taskguard.faults`'s; here is how each is done. What is done is as real as
it can be: a killed process is gone, a broken connection has no answer, a message whose handle has expired is refused by its
queue. Each injection is in the flight recorder before it takes effect.
"""
