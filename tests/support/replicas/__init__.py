"""Servers of one store behind a balancer, clients that ask them at the same time, and the judge of what they were told.

`python -m benchmarks.consistency` lets them ask for as long as somebody wants.
"""
