"""The settings of the embedded server, and who may come in through its socket."""

import os
import pwd
import secrets
from pathlib import Path

SUPERUSER = "draad"

SETTINGS = """\
# Written by Draad at each start. What you want otherwise goes into local.conf beside this file.
listen_addresses = ''
unix_socket_directories = '"{socket}"'
max_connections = 200
max_locks_per_transaction = 256
shared_buffers = 128MB
huge_pages = off
fsync = on
synchronous_commit = on
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
update_process_title = off
# No value of an event may reach a log: no statements, no parameters, no details, no errors of a client.
log_min_messages = log
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
include_if_exists = 'local.conf'
"""


def write_settings(data: Path, socket: Path) -> None:
    """Write all settings anew: they belong to this version of Draad, not to the data."""
    # Who started the server, and root, may come in through the socket; nobody else, not even another process of the
    # unprivileged user under whom a server of root runs.
    names = {pwd.getpwuid(uid).pw_name for uid in (0, os.geteuid())}
    _replace(data / "postgresql.conf", SETTINGS.format(socket=str(socket).replace("'", "''")))
    _replace(data / "pg_hba.conf", "local all all peer map=draad\n")
    _replace(data / "pg_ident.conf", "".join(f'draad "{name}" {SUPERUSER}\n' for name in sorted(names)))


def _replace(path: Path, content: str) -> None:
    """Write a whole file or none; a link that the unprivileged user put there is replaced, never followed."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o644)
    unfinished.replace(path)
