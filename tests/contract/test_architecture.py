"""The house keeps the shape that ARCHITECTURE.md draws: paths exist, the domain is pure, and one place opens a seal."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["ARCHITECTURE.md", "README.md", "CONTRIBUTING.md", "schemas/adr/README.md", "schemas/asyncapi/README.md"]

# A name that excludes nothing collects everything.
NAMES_THAT_REFUSE_NOTHING = {
    "service", "util", "utils", "helper", "helpers", "manager", "managers", "common", "misc", "base",
}  # fmt: skip

# The way out (the gate) and the fold on which a decision rests; content becomes readable nowhere else.
MAY_OPEN_A_SEAL = {
    "services/dossier/gate/release.py",
    "services/dossier/gate/outlooks.py",
    "services/dossier/store/streams.py",
}
# The vault itself, and the sealed cursors of lists: a key of their own, and no content in them.
MAY_DECRYPT = ("services/foundation/vault/", "services/foundation/paging.py")
OPENERS = {"AESGCM", "unseal"}
# `open` of these is a file, a pool or a page, never a key ring.
OPENS_NO_SEAL = {"Database", "os", "webbrowser", "tarfile", "gzip"}

# What runs for each read and each append (docs/adr/0001-asyncpg-under-the-fence.md).
HOT_PATH = ["services/dossier/gate", "services/dossier/store"]

# Every other root starts the product for real people, and what invents people and signs for them is out of its reach.
SANDBOX_ROOTS = {"__init__", "sandbox", "demo", "replay"}


def modules(root: Path, *folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Every Python file under the folders, as (path from the root, syntax tree)."""
    for folder in folders:
        for file in sorted((root / folder).rglob("*.py")):
            yield file.relative_to(root).as_posix(), ast.parse(file.read_text(encoding="utf-8"))


def imports(path: str, tree: ast.Module) -> Iterator[str]:
    """Every module that a file names in an import, as an absolute dotted name, wherever in the file it stands."""
    package = path.removesuffix(".py").removesuffix("/__init__").split("/")
    if not path.endswith("/__init__.py"):
        package = package[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*start, *(node.module or "").split(".")]).strip(".")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def outside_the_standard_library(root: Path, folder: str) -> list[str]:
    own = folder.replace("/", ".")
    return [
        f"{path} imports {name}"
        for path, tree in modules(root, folder)
        for name in imports(path, tree)
        if name.split(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith(f"{own}.")
    ]


def names_that_refuse_nothing(root: Path, *folders: str) -> list[str]:
    return [
        path
        for path, _ in modules(root, *folders)
        if any(
            NAMES_THAT_REFUSE_NOTHING & set(part.removesuffix(".py").split("_"))
            for part in path.split("/")
            if part != "__init__.py"
        )
    ]


def opens_a_file(call: ast.Call) -> bool:
    """`path.open()` and `path.open("rb")`: no argument, or a mode."""
    if not call.args:
        return {keyword.arg for keyword in call.keywords} <= {"mode", "encoding", "newline", "errors", "buffering"}
    first = call.args[0]
    return (
        isinstance(first, ast.Constant)
        and isinstance(first.value, str)
        and re.fullmatch(r"[rwax][bt+]*", first.value) is not None
    )


def opens_a_cursor(call: ast.Call) -> bool:
    """`cursors.open(text, caller=…, filter=…)`: words that a key ring does not know."""
    return {keyword.arg for keyword in call.keywords} == {"caller", "filter"}


def seals_opened(path: str, tree: ast.Module) -> list[str]:
    """Where a file opens a sealed body, hands on the method that does, or decrypts by itself.

    A syntax tree knows no types, so every `open` counts that is not plainly that of something else.
    """
    harmless = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "open":
            receiver = node.func.value
            named = isinstance(receiver, ast.Name) and receiver.id in OPENS_NO_SEAL
            if named or opens_a_file(node) or opens_a_cursor(node):
                harmless.add(node.func)
    return [
        f"{path}:{node.lineno}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in {"open", "decrypt", "unseal"} and node not in harmless)
        or (isinstance(node, ast.Call) and asks_by_name(node))
        or (
            isinstance(node, ast.Name | ast.alias) and (node.id if isinstance(node, ast.Name) else node.name) in OPENERS
        )
    ]


def asks_by_name(call: ast.Call) -> bool:
    """`getattr(ring, "open")` and its kin."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    named = {argument.value for argument in call.args if isinstance(argument, ast.Constant)}
    return name in {"getattr", "attrgetter", "methodcaller"} and bool(named & {"open", "decrypt"})


@cache
def imported(root: Path) -> dict[str, frozenset[str]]:
    """Every module under services/, and what it imports."""
    return {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): frozenset(imports(path, tree))
        for path, tree in modules(root, "services")
    }


def reachable(root: Path, start: str) -> set[str]:
    """Every module under services/ that importing `start` brings along, its packages included."""
    known = imported(root)
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        waiting.extend(known[name])
        if "." in name:
            waiting.append(name.rpartition(".")[0])
    return seen


def of_the_sandbox(name: str) -> bool:
    return "sandbox" in name.split(".")


def signs_tokens(tree: ast.Module) -> bool:
    """Is there a `jwt.encode` or `jws.serialize…` in it? Real tokens come from outside."""
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"jwt", "jws"}
        and node.attr.startswith(("encode", "serialize"))
        for node in ast.walk(tree)
    )


def paths_named(page: str) -> set[str]:
    """The paths of this repository that a page names, in back quotes, in a diagram or as the target of a link."""
    blocks = re.split(r"^```", page, flags=re.MULTILINE)
    quoted = []
    for text in blocks[::2]:
        quoted += re.findall(r"`([^`\s]+)`", text) + re.findall(r"\]\(([^)#\s]+)", text)
    for diagram in blocks[1::2]:
        if diagram.startswith("mermaid"):
            quoted += re.findall(r"\b(?:services|schemas|deploy|tests|bench|docs)/[\w./-]*", diagram)
    top = r"(?:services|schemas|deploy|tests|bench|docs|requirements|\.ci)/[\w./-]*"
    file = r"[\w.-]+\.(?:md|toml|yml|yaml|txt)|Makefile|LICENSE"
    return {path for path in quoted if re.fullmatch(f"{top}|{file}", path)}


# The house as it stands


@pytest.mark.parametrize(
    "page", [*PAGES, *sorted(f"docs/adr/{file.name}" for file in (ROOT / "docs/adr").glob("*.md"))]
)
def test_every_path_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    beside = (ROOT / page).parent
    assert [p for p in sorted(paths_named(text)) if not (ROOT / p).exists() and not (beside / p).exists()] == []


def test_the_architecture_page_names_paths() -> None:
    assert len(paths_named((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))) > 20


def test_the_domain_imports_the_standard_library_only() -> None:
    assert outside_the_standard_library(ROOT, "services/dossier/domain") == []


def test_file_names_refuse_something() -> None:
    assert names_that_refuse_nothing(ROOT, "services", "tests", "bench") == []


def test_one_place_opens_a_sealed_body() -> None:
    found = [
        place
        for path, tree in modules(ROOT, "services")
        if path not in MAY_OPEN_A_SEAL and not path.startswith(MAY_DECRYPT)
        for place in seals_opened(path, tree)
    ]
    assert found == []


def test_the_sandbox_is_out_of_reach_of_what_serves_real_people() -> None:
    roots = {file.stem for file in (ROOT / "services/roots").glob("*.py")} - SANDBOX_ROOTS
    found = {
        (root, name) for root in roots for name in reachable(ROOT, f"services.roots.{root}") if of_the_sandbox(name)
    }
    assert found == set()


def test_only_the_sandbox_signs_tokens() -> None:
    signers = [path for path, tree in modules(ROOT, "services") if signs_tokens(tree)]
    assert [path for path in signers if not path.startswith("services/sandbox/")] == []


def test_the_hot_path_speaks_to_the_driver_itself() -> None:
    found = [
        f"{path} imports {name}"
        for path, tree in modules(ROOT, *HOT_PATH)
        for name in imports(path, tree)
        if name.split(".")[0] == "sqlalchemy"
    ]
    assert found == []


def test_the_command_line_calls_roots_and_no_service() -> None:
    allowed = ("services.roots", "services.foundation")
    wrong = [
        name
        for path, tree in modules(ROOT, "services")
        if path.startswith("services/cli/") or path == "services/__main__.py"
        for name in imports(path, tree)
        if name.startswith("services.") and not name.startswith((*allowed, "services.cli"))
    ]
    assert wrong == []


@pytest.mark.parametrize("lock", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda lock: lock.name)
def test_a_lock_has_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = re.findall(r"^\S+==\S+", text, flags=re.MULTILINE)
    assert pins
    assert len(re.findall(r"^\S+==.*?\\\n\s+--hash=sha256:[0-9a-f]{64}", text, flags=re.MULTILINE)) == len(pins)
    assert re.search(r"://|--index-url|--extra-index-url|--find-links", text) is None


def test_the_lock_of_the_linter_names_no_registry() -> None:
    text = (ROOT / "deploy/spectral/package-lock.json").read_text(encoding="utf-8")
    assert '"integrity"' in text
    assert '"resolved"' not in text


@pytest.mark.parametrize("page", sorted((ROOT / "docs/adr").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_fits_one_page_and_names_its_check(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(r"\d{4}-[a-z0-9-]+$", page.stem)
    assert text.startswith(f"# {int(page.stem[:4])}. ")
    assert re.findall(r"^## (.+)$", text, flags=re.MULTILINE) == [
        "Context", "Decision", "Consequences", "Alternatives", "Check that enforces it",
    ]  # fmt: skip
    assert paths_named(text.split("## Check that enforces it")[1])
    assert len(text.splitlines()) <= 60


# The checks themselves can fail


def planted(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "import orjson",
        "from services.foundation import clock",
        "from ...foundation import clock",
        "from .. import tables",
    ],
)
def test_an_impure_domain_is_found(tmp_path: Path, line: str) -> None:
    planted(tmp_path, services__dossier__domain__consent=f"def late() -> None:\n    {line}\n")
    assert outside_the_standard_library(tmp_path, "services/dossier/domain") != []


def test_a_pure_domain_passes(tmp_path: Path) -> None:
    text = "import datetime\nfrom services.dossier.domain import entries\nfrom .entries import Entry\n"
    planted(tmp_path, services__dossier__domain__consent=text)
    assert outside_the_standard_library(tmp_path, "services/dossier/domain") == []


@pytest.mark.parametrize("name", ["utils", "feed_helpers", "common__lanes", "base"])
def test_a_name_that_refuses_nothing_is_found(tmp_path: Path, name: str) -> None:
    assert names_that_refuse_nothing(planted(tmp_path, **{f"services__{name}": ""}), "services") != []


@pytest.mark.parametrize(
    "text",
    [
        "plain = ring.open('work', sealed, aad)",
        "plain = ring.open(class_=c, sealed=s, aad=a)",
        "opener = ring.open",
        "opener = getattr(ring, 'open')",
        "plain = [self.keys.ring.open(c, s, a) for c, s in bodies]",
        "from cryptography.hazmat.primitives.ciphers.aead import AESGCM\nAESGCM(key)",
        "from services.foundation.vault.root_key import unseal as read",
    ],
)
def test_an_opened_seal_is_found(text: str) -> None:
    assert seals_opened("services/events/feed.py", ast.parse(text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "await Database.open(url, size=4)",
        "path.open()",
        "path.open('rb')",
        "open(path)",
        "os.open(p, f, 0o600)",
        "cursors.open(after, caller=c, filter=f)",
    ],
)
def test_another_open_passes(text: str) -> None:
    tree = ast.parse(f"async def start() -> None:\n    {text}\n")
    assert seals_opened("services/roots/api.py", tree) == []


def test_a_way_into_the_sandbox_is_found(tmp_path: Path) -> None:
    planted(
        tmp_path,
        services__roots__api="from services.foundation import wiring\n",
        services__foundation__wiring="def start() -> None:\n    from services.sandbox.issuer import Issuer\n",
        services__sandbox__issuer="",
    )
    assert [name for name in reachable(tmp_path, "services.roots.api") if of_the_sandbox(name)] != []


def test_a_signed_token_is_found() -> None:
    assert signs_tokens(ast.parse("def token():\n    return jwt.encode(header, claims, key)"))
    assert not signs_tokens(ast.parse("text.encode()\njwt.decode(token, key)"))


def test_paths_are_found_in_quotes_links_and_diagrams() -> None:
    quoted = "`services/a.py` and [b](docs/b.md), `GET /v1/x`, `nl.dossier.a`"
    page = f"{quoted}\n```mermaid\nx[services/c]\n```\n```\n`tests/no`\n```\n"
    assert paths_named(page) == {"services/a.py", "docs/b.md", "services/c"}
