"""What the law gives and forbids whatever a grant says: statutory articles and the employer ceiling (R-17)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).with_name("law.json")


@dataclass(frozen=True)
class Law:
    """The law as the gate and the admission rules need it."""

    articles: Mapping[tuple[str, str], str]  # (organisation kind, purpose) -> article
    employer_kinds: frozenset[str]
    employer_types: frozenset[str]  # whole names
    employer_nouns: tuple[str, ...]  # "nl.dossier.placement.": every type of this noun
    forbidden_classes: frozenset[str]
    forbidden_fields: frozenset[str]
    forbidden_values: Mapping[str, frozenset[str]]

    def article(self, kind: str, purpose: str) -> str | None:
        """The article on which an organisation of this kind rests a statutory grant; None: there is none."""
        return self.articles.get((kind, purpose))

    def is_employer(self, kind: str | None) -> bool:
        """An employer is so by the kind of its organisation, whatever the role of the caller."""
        return kind in self.employer_kinds

    def employer_may_read(self, type_: str) -> bool:
        """Whether the type stands in the allow-list; a relation and a live grant are needed besides."""
        return type_ in self.employer_types or type_.startswith(self.employer_nouns)

    def forbidden_in_emission(self, data: Mapping[str, Any]) -> list[str]:
        """JSON pointers, into `data`, of what an employer may not send."""
        return [f"/{name}" for name, value in data.items() if self._may_not_send(name, value)]

    def _may_not_send(self, name: str, value: object) -> bool:
        if name in self.forbidden_fields:
            return True
        return isinstance(value, str) and value in self.forbidden_values.get(name, ())


def load(file: Path = FILE) -> Law:
    """Reads the law file; its form is checked by schemas/law.schema.json in the tests."""
    law = json.loads(file.read_text(encoding="utf-8"))
    employer = law["employer_prohibition"]
    patterns: list[str] = employer["may_read"]
    return Law(
        articles=MappingProxyType({(g["kind"], g["purpose"]): g["article"] for g in law["statutory_grants"]}),
        employer_kinds=frozenset(employer["kinds"]),
        employer_types=frozenset(each for each in patterns if not each.endswith(".*")),
        employer_nouns=tuple(each.removesuffix("*") for each in patterns if each.endswith(".*")),
        forbidden_classes=frozenset(employer["forbidden_classes"]),
        forbidden_fields=frozenset(employer["may_not_send_fields"]),
        forbidden_values=MappingProxyType(
            {name: frozenset(values) for name, values in employer["may_not_send_values"].items()}
        ),
    )
