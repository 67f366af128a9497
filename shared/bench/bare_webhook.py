"""What nobody can go below when taking webhooks with this stack: a bare Flask view that inserts one row."""

from __future__ import annotations

from flask import Flask, request
from sqlalchemy import create_engine, text

from shared import db

app = Flask(__name__)
_engine = create_engine(db.role_url(db.BACKOFFICE_ROLE), pool_size=10, connect_args={"prepare_threshold": 3})
_INSERT = text("INSERT INTO bench_webhook (body) VALUES (:body)")


@app.get("/healthz")
def health() -> str:
    return "ok"


@app.post("/webhooks")
def receive() -> str:
    with _engine.begin() as connection:
        connection.execute(_INSERT, {"body": request.get_data()})
    return "ok"
