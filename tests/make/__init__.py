"""Builders: the smallest world a test needs, made by the product's own verbs where there are some."""
