"""Customers: the companies that owe. One customer may owe several creditors; `group_code` joins a group."""
