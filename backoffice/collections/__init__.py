"""Collections through the creditor's own bank."""
