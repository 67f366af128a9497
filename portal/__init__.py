"""The debtor's door: a Flask app over `shared`, on a database role that sees only its own customers."""
