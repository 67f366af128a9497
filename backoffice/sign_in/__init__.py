"""The way in and out of the creditor's people."""
