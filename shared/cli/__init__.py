"""The command line: `quittance COMMAND`. What people script (docs/integrate.md lists it) changes only by addition.

With `--json` a command prints one JSON document on stdout and nothing else there; progress and logs go to stderr.
Exit codes: 0 done, 1 refused for a clear reason (nothing changed), 2 wrong usage.
"""
