"""What every source file keeps: imports at the top, documented names, no assert."""

import ast
from collections.abc import Iterator

from tests.architecture.rooms import (
    HOMES,
    LLVM,
    OPTIONAL,
    PACKAGE,
    imported_modules,
    parse,
    room_of,
    sources,
)

LATE = (*OPTIONAL, LLVM)  # what is imported where it is used
# Rooms of our own that load late, so that `import lamina` is fast: (file, module)
DOORS = {
    ("runtime/execute.py", "lamina.runtime"),  # the checker
    ("runtime/families.py", "lamina.runtime"),  # the compiler, with the first program
    ("tensor/compiled.py", "lamina.tensor.quick"),
    ("tensor/compiled.py", "lamina.runtime.kept"),
    ("data/datasets/fashion.py", "lamina.data.datasets.sources"),  # network, with the first data
    ("data/datasets/mnist.py", "lamina.data.datasets.sources"),
    ("data/datasets/reviews.py", "lamina.data.datasets.sources"),
    ("data/datasets/series.py", "lamina.data.datasets.sources"),
    ("data/datasets/shakespeare.py", "lamina.data.datasets.sources"),
    ("data/datasets/fashion.py", "lamina.data.idx"),
    ("data/datasets/mnist.py", "lamina.data.idx"),
    ("data/sources/idx.py", "lamina.data.idx"),
    ("data/sources/tar_shards.py", "lamina.data.sources.tar_index"),  # tarfile
}


def test_imports_stand_at_the_top_except_optional_packages_and_llvm():
    culprits = {
        f"{path.relative_to(PACKAGE)}:{line}: {module}"
        for path in sources()
        for function in ast.walk(parse(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for line, module in imported_modules(function)
        if module.split(".")[0] not in LATE
        and (str(path.relative_to(PACKAGE)), module) not in DOORS
    }
    assert culprits == set()


def test_optional_packages_and_llvm_are_imported_where_they_are_used():
    culprits = [
        f"{path.relative_to(PACKAGE)}:{line}: {module}"
        for path in sources()
        for line, module in _imports_at_the_top(parse(path))
        if module.split(".")[0] in LATE and module.split(".")[0] != HOMES.get(room_of(path))
    ]
    assert culprits == []


def test_no_star_imports():
    culprits = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert culprits == []


def test_no_bare_assert_in_the_library():
    culprits = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sources()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assert)
    ]
    assert culprits == []


def test_public_names_are_documented():
    trees = {path: parse(path) for path in sources()}
    described = {name for tree in trees.values() for name in _described_methods(tree)}
    culprits = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path, tree in trees.items()
        for name in _undocumented(tree, described)
    ]
    assert culprits == []


def test_an_undocumented_name_is_found():
    tree = ast.parse(
        "def f(): pass\n"
        "def _g(): pass\n"
        "class A:\n    'a'\n    def forward(self): 'b'\n    def other(self): pass\n"
        "class B(A):\n    'c'\n    def forward(self): pass\n"
    )
    found = list(_undocumented(tree, set(_described_methods(tree))))
    assert found == ["the module", "f", "A.other"]


def _imports_at_the_top(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from imported_modules(statement)


def _described_methods(tree: ast.Module) -> Iterator[str]:
    """Names of methods that some class documents; a subclass need not say it again."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            methods = (item for item in node.body if isinstance(item, ast.FunctionDef))
            yield from (method.name for method in methods if ast.get_docstring(method))


def _undocumented(tree: ast.Module, described: set[str]) -> Iterator[str]:
    """The module if it says nothing, and public functions, classes and methods without a word."""
    if tree.body and not ast.get_docstring(tree):
        yield "the module"
    for node in _public(tree.body):
        if not ast.get_docstring(node):
            yield node.name
        if isinstance(node, ast.ClassDef):
            inherited = described if node.bases else set()
            for method in _public(node.body):
                if not ast.get_docstring(method) and method.name not in inherited:
                    yield f"{node.name}.{method.name}"


def _public(
    body: list[ast.stmt],
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            marks = {ast.unparse(mark).split(".")[-1] for mark in node.decorator_list}
            if not node.name.startswith("_") and not marks & {"overload", "setter"}:
                yield node
