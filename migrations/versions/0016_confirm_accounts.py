"""An account that only a file named can be confirmed by the command that adds accounts."""

from alembic import op

revision = "0016_confirm_accounts"
down_revision = "0015_reply_to"


def upgrade() -> None:
    op.execute("""
    GRANT UPDATE (holder_kind, holder_name, bic, currency, receives, confirmed_at) ON bank_account
        TO quittance_backoffice;
    """)
