"""Business files with a header row, CSV or XLSX, read into plain rows.

A **table** is a file whose columns are found by name; a **row** is one record of it, with the line it stands on.
What is wrong with the file as a whole is a `RefusedFile`; what is wrong with one row is a `RowError`, a value among
the rows, so that a preview can show every refusal and an import may skip them.

Invariants: memory does not grow with the file; a value that cannot be read never becomes an empty or zero one.
"""
