"""Who acts: a debtor's person, one of the creditor's people, or the system itself; and what they may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from shared.errors import NotAllowed


class Permission(StrEnum):
    """What one may do. Roles are sets of these (`ROLES`); code asks for permissions, never for roles."""

    SEE_CUSTOMERS = "see_customers"
    SEE_RECEIVABLES = "see_receivables"
    SEE_BANK = "see_bank"
    SEE_REPORTS = "see_reports"
    SEE_OPERATIONS = "see_operations"
    REPLAY_JOBS = "replay_jobs"
    SEE_AUDIT = "see_audit"
    IMPORT_CUSTOMERS = "import_customers"
    IMPORT_INVOICES = "import_invoices"
    IMPORT_STATEMENTS = "import_statements"
    RECONCILE = "reconcile"
    INVITE_DEBTORS = "invite_debtors"
    EXPORT_BOOKS = "export_books"
    SEE_MANDATES = "see_mandates"
    MANAGE_MANDATES = "manage_mandates"
    MANAGE_CREDITORS = "manage_creditors"
    MANAGE_USERS = "manage_users"
    ASK_ACCOUNT_CHANGE = "ask_account_change"
    APPROVE_ACCOUNT_CHANGE = "approve_account_change"
    SEE_PAYMENTS = "see_payments"
    ASK_REFUND = "ask_refund"
    APPROVE_REFUND = "approve_refund"
    SEE_PLANS = "see_plans"
    MANAGE_PLANS = "manage_plans"
    COLLECT = "collect"
    # A debtor's own verbs; every debtor's person holds them for the customers they act for.
    SEE_OWN_ACCOUNT = "see_own_account"
    ANNOUNCE_PAYMENT = "announce_payment"
    PAY = "pay"
    SIGN_MANDATE = "sign_mandate"


P = Permission
_EVERYBODY = frozenset({P.SEE_CUSTOMERS, P.SEE_RECEIVABLES})
DEBTOR_MAY = frozenset({P.SEE_OWN_ACCOUNT, P.ANNOUNCE_PAYMENT, P.PAY, P.SIGN_MANDATE})
ROLES: dict[str, frozenset[Permission]] = {
    "finance": _EVERYBODY
    | {P.SEE_BANK, P.SEE_REPORTS, P.IMPORT_CUSTOMERS, P.IMPORT_INVOICES, P.IMPORT_STATEMENTS, P.RECONCILE}
    | {P.EXPORT_BOOKS, P.INVITE_DEBTORS, P.SEE_OPERATIONS, P.REPLAY_JOBS}
    | {P.SEE_PAYMENTS, P.ASK_REFUND, P.APPROVE_REFUND, P.SEE_MANDATES, P.MANAGE_MANDATES, P.COLLECT}
    | {P.ASK_ACCOUNT_CHANGE, P.SEE_PLANS, P.MANAGE_PLANS},
    "credit_manager": _EVERYBODY
    | {P.SEE_BANK, P.SEE_REPORTS, P.RECONCILE, P.INVITE_DEBTORS, P.SEE_AUDIT}
    | {P.SEE_PAYMENTS, P.ASK_REFUND, P.APPROVE_REFUND, P.SEE_MANDATES, P.MANAGE_MANDATES}
    | {P.APPROVE_ACCOUNT_CHANGE, P.SEE_PLANS, P.MANAGE_PLANS},
    "collector": _EVERYBODY | {P.SEE_REPORTS, P.INVITE_DEBTORS},
    "sales_administration": _EVERYBODY | {P.IMPORT_CUSTOMERS, P.IMPORT_INVOICES, P.INVITE_DEBTORS},
    "sales": _EVERYBODY,
    "board": _EVERYBODY | {P.SEE_REPORTS},
    "administrator": _EVERYBODY
    | {
        P.SEE_BANK,
        P.SEE_REPORTS,
        P.MANAGE_CREDITORS,
        P.MANAGE_USERS,
        P.SEE_PAYMENTS,
        P.SEE_AUDIT,
        P.SEE_OPERATIONS,
        P.REPLAY_JOBS,
        P.ASK_ACCOUNT_CHANGE,
        P.APPROVE_ACCOUNT_CHANGE,
    },
}


@dataclass(frozen=True, slots=True)
class Actor:
    """One who acts. `customers` is the scope of a debtor's person; the creditor's people see all customers."""

    kind: str  # "debtor" | "staff" | "system" | "visitor"
    id: UUID | None
    name: str
    permissions: frozenset[Permission]
    customers: tuple[UUID, ...] = field(default=())

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def must(self, permission: Permission) -> None:
        """The first line of every action: no permission, no deed."""
        if permission not in self.permissions:
            raise NotAllowed


# The command line, the worker and the schedule: whoever may start them may do anything.
SYSTEM = Actor("system", None, "Quittance", frozenset(Permission))

# Somebody at the portal's door, and the back office's doorkeeper who looks up whom a password or a cookie belongs
# to. Neither may do anything: they only decide which of the two database roles a sign-in goes through.
VISITOR = Actor("visitor", None, "visitor", frozenset())
DOORKEEPER = Actor("system", None, "doorkeeper", frozenset())


def staff(user_id: UUID, name: str, role: str) -> Actor:
    return Actor("staff", user_id, name, ROLES[role])


def debtor(user_id: UUID, name: str, customers: tuple[UUID, ...]) -> Actor:
    return Actor("debtor", user_id, name, DEBTOR_MAY, customers)
