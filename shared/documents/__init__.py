"""Documents: files as they came (an invoice's PDF), kept once by content and shown to whom they concern."""
