"""The schema's history, applied by `quittance migrate` as the owner of the tables."""
