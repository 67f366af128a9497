"""How a debtor is told to pay, so that the bank line tells us what it pays: references, QR codes, payment files."""
