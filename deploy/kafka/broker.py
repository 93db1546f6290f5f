"""Runs a real Kafka on this machine alone, without Docker: one node or three, from jars that Maven brings.

    python -m deploy.kafka.broker                      one node on 127.0.0.1:9092, until Ctrl-C
    python -m deploy.kafka.broker --nodes 3 --port 0   three, on ports that are free
    python -m deploy.kafka.broker --secured            with TLS, users and rights
    python -m deploy.kafka.broker --prepare            only fetch and prepare what it needs

Needs Java 17 or newer and, the first time, Maven. For tests and for looking around: it forgets everything.
"""

import argparse
import signal
import sys

from deploy.kafka.kit import NoBroker
from deploy.kafka.nodes import Nodes, kit
from deploy.kafka.secured import RIGHTS


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m deploy.kafka.broker", description="A real Kafka on this machine alone, without Docker."
    )
    arguments.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    arguments.add_argument("--port", type=int, default=9092, help="of the first node; 0 takes free ones")
    arguments.add_argument("--secured", action="store_true", help="TLS, users with passwords, rights")
    arguments.add_argument("--prepare", action="store_true", help="only fetch and prepare what a node needs")
    asked = arguments.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        made = kit()
        if asked.prepare:
            return
        with Nodes(made, asked.nodes, port=asked.port, secured=asked.secured) as nodes:
            nodes.start()
            sys.stdout.write(f"Kafka answers at {nodes.bootstrap}. Ctrl-C stops it and forgets everything.\n")
            if nodes.secured is not None:
                nodes.secured.give_rights(nodes.bootstrap)
                sys.stdout.write(
                    f"DRAAD_KAFKA_CA_FILE={nodes.secured.ca_file}, and as DRAAD_KAFKA_USER one of {', '.join(RIGHTS)}, "
                    f"each with its DRAAD_KAFKA_PASSWORD_FILE={nodes.secured.folder}/<user>.password\n"
                )
            sys.stdout.flush()
            nodes.wait()
    except NoBroker as reason:
        sys.exit(f"broker: {reason}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
