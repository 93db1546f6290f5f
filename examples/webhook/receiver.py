"""A partner in 30 lines: takes what Draad sends, checks who sent it, keeps it once. Fetching comes after, elsewhere."""

import os
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

hook = Webhook(os.environ["DRAAD_SECRET"])  # whsec_..., shown once when you subscribe
kept = sqlite3.connect(os.environ.get("DRAAD_DATABASE", "received.sqlite"))
kept.execute("create table if not exists to_fetch (webhook_id text primary key, type text, dataref text)")


class Receiver(BaseHTTPRequestHandler):
    def do_OPTIONS(self) -> None:  # "May I send you this?" Asked first, so that nobody can aim Draad at you.
        self.send_response(204)
        self.send_header("WebHook-Allowed-Origin", self.headers["WebHook-Request-Origin"] or "")
        self.end_headers()

    def do_POST(self) -> None:
        body, status = self.rfile.read(int(self.headers["Content-Length"])), 204
        try:
            event = hook.verify(body, dict(self.headers))
            with kept:  # after an answer that got lost the same comes again, under the same id
                row = (self.headers["webhook-id"], event["type"], event.get("dataref"))
                kept.execute("insert into to_fetch values (?, ?, ?) on conflict do nothing", row)
        except (WebhookVerificationError, ValueError):  # not from Draad, or too old
            status = 401
        self.send_response(status)  # 2xx only when it is kept: whatever else happens here, it is sent again
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
