"""The way from open invoices to an announced transfer."""
