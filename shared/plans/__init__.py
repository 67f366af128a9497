"""Instalment plans: a debtor proposes parts within the limits finance set; a missed part cancels the plan."""
