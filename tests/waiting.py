"""Whether somebody waits for a lock, for tests that go on when another part has come so far."""

# For the fence of a dossier, or of its keys: nothing but ours takes such a lock.
HOW_MANY_WAIT_FOR_A_FENCE = """
    select count(*) from pg_locks where not granted and locktype = 'advisory'
       and database = (select oid from pg_database where datname = current_database())
"""
# For any lock, of another client alone: autovacuum holds a whole table for a moment while it cuts off its empty end,
# and who waits for that goes on by itself.
HOW_MANY_WAIT = """
    select count(*) from pg_stat_activity waiting
     where waiting.datname = current_database()
       and exists (select from unnest(pg_blocking_pids(waiting.pid)) held (by)
                     join pg_stat_activity holding on holding.pid = held.by
                    where holding.backend_type = 'client backend')
"""
