"""Adapters: the only place that knows a provider's SDK. They translate and decide nothing, and write no table."""
