"""Benchmarks, each against a physical limit measured in the same run on the same machine, in a database of its own.

A bench is one file with `run(scale)`, which yields what it measured; `catalogue` names them all.
"""
