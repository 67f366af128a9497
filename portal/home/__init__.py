"""The first page: where the account stands."""
