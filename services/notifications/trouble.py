"""Tells trouble that passes by itself from a fault that the same input would meet again."""

import asyncpg

PASSING = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)


def passes(error: Exception) -> bool:
    """Whether to try again later: it says after how long (`retry_after`), or is of a kind that is known to pass."""
    if isinstance(error, ValueError):
        return False
    return isinstance(error, PASSING) or getattr(error, "retry_after", None) is not None
