"""The rooms of the package as data, and the imports between them as found in the sources.

A room may import only rooms on lines above its own, never a neighbour on the same line.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "lamina"

ROOMS = (
    "errors late",
    "config",
    "dtypes shapes tree targets files",
    "graph",
    "ops",
    "transforms",
    "schedule",
    "kernel",
    "codegen",
    "runtime",
    "tensor",
    "functional state testing",
    "nn optim data io metrics",
    "models generative",
    "train distributed",
    "runs estimators",
    "experiment",
    "serve",
    "cli",
)
RANK = {room: rank for rank, line in enumerate(ROOMS) for room in line.split()}

# Files of the package itself, which may import every room.
FRONT = ("__init__", "__main__")

# Packages that are not dependencies: they may be imported inside a function.
OPTIONAL = (
    "rich", "torch", "jax", "safetensors", "tensorboard", "PIL", "simplejpeg", "soundfile",
    "pyarrow", "h5py", "pandas", "sklearn", "pydantic", "yaml",
)

# Rooms that are about one such package, loaded only with it: they may import it at the top.
HOMES = {"estimators": "sklearn", "experiment": "pydantic"}

# Only this room imports llvmlite, and only when it is first needed: `import lamina` stays quick.
LLVM_ROOM = "codegen"
LLVM = "llvmlite"


def sources(package: Path = PACKAGE) -> Iterator[Path]:
    """Every Python file of the package."""
    return iter(sorted(package.rglob("*.py")))


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def room_of(path: Path, package: Path = PACKAGE) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import anywhere in `tree`; relative ones start with a dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module == PACKAGE.name:  # from lamina import nn
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def rooms_imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, room) of every import of the package's own rooms."""
    for line, module in imported_modules(tree):
        parts = module.split(".")
        if parts[0] == PACKAGE.name:
            yield line, parts[1] if len(parts) > 1 else "__init__"


def breaches(package: Path = PACKAGE) -> list[str]:
    """`file:line: kernel must not import runtime` for every import against the order."""
    found = []
    for path in sources(package):
        room = room_of(path, package)
        if room in FRONT:
            continue
        for line, other in rooms_imported(parse(path)):
            if other != room and RANK.get(other, len(ROOMS)) >= RANK.get(room, -1):
                found.append(f"{path.relative_to(package.parent)}:{line}: {room} imports {other}")
    return found
