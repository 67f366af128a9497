"""GoCardless in miniature: its API version 2015-07-06 on the loopback address, its webhooks, its payer's pages.

`make_gocardless_app` is what GoCardless offers; `/_control` is what a bank, a payer or bad luck would do.
"""
