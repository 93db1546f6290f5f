"""Writes the documents that are generated from the code, or says which of them are no longer those of the code."""

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from services.dossier.trajectory.drawing import drawn
from services.foundation import contract
from services.foundation.bus.postgres import PostgresBus
from services.foundation.callers import Authenticator
from services.foundation.contract import SCHEMAS
from services.foundation.database.connection import Database
from services.foundation.openapi import finished, text_of
from services.foundation.tokens import Verifier
from services.foundation.vault.keys import Keys
from services.foundation.vault.root_key import KEY_BYTES, LocalRootKey
from services.roots import asyncapi
from services.roots.api import ASYNC_DOCUMENT, DOCUMENT, LICENCE, application
from services.roots.house import wired
from services.roots.outside import Outside

STAGES: Final = SCHEMAS.parent / "docs" / "stages.md"
HOST: Final = "draad.example.org"
SERVER: Final = f"https://{HOST}"
VERSION_PATH: Final = "/v1"
WHOLE: Final = (f"{VERSION_PATH}/asyncapi.json",)  # the ruleset allows a dot in the first segment to openapi.json alone
CONTACT: Final = {
    "name": "Draad",
    "url": "https://draad.example.org/contact",
    "email": "api@draad.example.org",
}


def document() -> dict[str, Any]:
    """Of the application of an installation, wired to a database that is never asked for anything."""
    database = Database("", None)
    root_key = LocalRootKey(bytes(KEY_BYTES))
    house = wired(database, database, Keys(database, root_key), root_key, "", PostgresBus(database), Outside())
    app = application(house, Authenticator(Verifier({}, ""), house.registry))
    made = finished(app.openapi(), VERSION_PATH, SERVER, WHOLE)
    made["info"]["contact"] = CONTACT
    return made


def async_document() -> dict[str, Any]:
    return asyncapi.document(contract.load(), HOST, VERSION_PATH, CONTACT, LICENCE)


def documents() -> dict[Path, str]:
    """Each with its text of now."""
    return {DOCUMENT: text_of(document()), ASYNC_DOCUMENT: text_of(async_document()), STAGES: drawn()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m services.roots.documents", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is not that of now")
    is_check = parser.parse_args(arguments).check
    stale = {path: text for path, text in documents().items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        name = f"{path.parent.name}/{path.name}"
        if is_check:
            sys.stderr.write(f"{name} is not that of the code: python -m services.roots.documents writes it anew.\n")
        else:
            path.write_text(text, "utf-8")
            sys.stdout.write(f"{name} written\n")
    return int(is_check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
