"""The web foundation of both apps: one look, one set of headers, one way to refuse, one access ring.

`portal` and `backoffice` each call `app.make_app(...)` with their blueprints, extend `layout.html` (signed in) or
`plain.html` (login, errors), and build pages from the macros in `templates/ui/`, which are fed by arguments only.
`docs/ui.md` is the guide. It knows Flask and nothing of the trade: no table, no slice.

- Every endpoint says who may come in (`access.py`); an app with one that does not refuses to start.
- One URL, two answers: a page, or for htmx its fragment (`render.py`).
- A refusal (`DomainError`) becomes an answer in one file (`errors.py`).
"""
