"""Whether somebody waits for a lock, for tests that go on when another part has come so far."""

# Only for another client: autovacuum holds a whole table for a moment while it cuts off its empty end, and who
# waits for that goes on by itself.
HOW_MANY_WAIT = """
    select count(*) from pg_stat_activity waiting
     where waiting.datname = current_database()
       and exists (select from unnest(pg_blocking_pids(waiting.pid)) held (by)
                     join pg_stat_activity holding on holding.pid = held.by
                    where holding.backend_type = 'client backend')
"""
