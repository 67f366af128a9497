"""The creditor's door: a Flask app over `shared` for finance, collections, sales and the board."""
