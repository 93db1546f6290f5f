"""An OpenID provider as small as it can be: discovery, keys, and tokens for whom a test wants to be."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_urlsafe
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "draad"
CLIENT = "portal"


class Provider:
    def __init__(self, url: str) -> None:
        self.url = url
        self._key = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"}, private=True)

    def document(self, path: str) -> dict[str, Any] | None:
        documents: dict[str, dict[str, Any]] = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [self._key.as_dict(private=False)]},
        }
        return documents.get(path)

    def headers(self, subject: str, organisation: str | None = None, *roles: str) -> dict[str, str]:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            "azp": CLIENT,
            "jti": token_urlsafe(16),
        }
        claims |= {"iat": now, "exp": now + 300, "roles": list(roles)} | ({"org": organisation} if organisation else {})
        header = {"typ": "at+jwt", "alg": "ES256", "kid": "one"}
        return {"Authorization": f"Bearer {jwt.encode(header, claims, self._key, algorithms=['ES256'])}"}


@contextmanager
def provider() -> Iterator[Provider]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = found.document(self.path)
            self.send_response(404 if document is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, format: str, *args: object) -> None:
            return None

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        found = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()
