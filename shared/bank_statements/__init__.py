"""What the creditor's banks report: statements, their entries, and the files they come in."""
