"""Sizes and index expressions: integers that may not be known yet.

In: Python ints and `Sym`s. Out: `Sym` polynomials in one normal form, so that equal expressions are
equal objects in every table. A polynomial is a sum of integer multiples of products of atoms; an
atom is a variable, or a floor division or remainder that could not be simplified. Variables are
sizes (`s0`, at least 2) or loop indices (from 0 to below their size).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from lamina.errors import CompileError

Dim: TypeAlias = "int | Sym"
Shape = tuple[Dim, ...]


class Var:
    """A variable: a loop index, which stays below `size`, or a size, which is often `typical`."""

    __slots__ = ("name", "size", "typical")

    def __init__(self, name: str, size: Dim | None = None, typical: int | None = None) -> None:
        self.name = name
        self.size = size
        self.typical = typical

    @property
    def extent(self) -> Dim:
        """How often a loop over it runs; raises CompileError for what is no loop index."""
        if self.size is None:
            raise CompileError("shapes", operands=[("variable", self.name)],
                               rule="a loop index has a size to stay below")
        return self.size

    def __repr__(self) -> str:
        return self.name


class Quotient:
    """A floor division (`//`) or remainder (`%`) of polynomials, kept as an atom."""

    __slots__ = ("op", "left", "right", "_hash")

    def __init__(self, op: str, left: Dim, right: Dim) -> None:
        self.op, self.left, self.right = op, left, right
        self._hash = hash((op, left, right))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Quotient) and self.op == other.op
                and self.left == other.left and self.right == other.right)

    def __repr__(self) -> str:
        return f"({self.left!r}){self.op}({self.right!r})"


Atom = Var | Quotient
Monomial = tuple[Atom, ...]


class Sym:
    """A polynomial: {product of atoms: integer factor}, built with operators on variables."""

    __slots__ = ("terms", "_hash")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        self._hash = hash(frozenset(terms.items()))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Sym) and self.terms == other.terms)

    def __repr__(self) -> str:
        parts = []
        for monomial, factor in self.terms.items():
            names = "*".join(map(repr, monomial))
            parts.append(names if factor == 1 and names else f"{factor}*{names}" if names
                         else str(factor))
        return "+".join(parts)

    def __add__(self, other: Dim) -> Dim:
        terms = dict(self.terms)
        for monomial, factor in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + factor
        return _normal(terms)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return _normal({m: -f for m, f in self.terms.items()})

    def __sub__(self, other: Dim) -> Dim:
        return self + (-other)

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        terms: dict[Monomial, int] = {}
        for m1, f1 in self.terms.items():
            for m2, f2 in _terms(other).items():
                monomial = tuple(sorted(m1 + m2, key=_atom_key))
                terms[monomial] = terms.get(monomial, 0) + f1 * f2
        return _normal(terms)

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return divide(self, other)

    def __rfloordiv__(self, other: Dim) -> Dim:
        return divide(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return remainder(self, other)

    def __rmod__(self, other: Dim) -> Dim:
        return remainder(other, self)


def _atom_key(atom: Atom) -> str:
    return repr(atom)


def _terms(x: Dim) -> dict[Monomial, int]:
    return x.terms if isinstance(x, Sym) else ({(): x} if x else {})


def _normal(terms: dict[Monomial, int]) -> Dim:
    terms = {m: f for m, f in terms.items() if f}
    if len(terms) > 1:
        joined = _join_quotients(terms)
        if joined is not None:
            return joined
    if not terms:
        return 0
    if len(terms) == 1 and () in terms:
        return terms[()]
    return Sym(terms)


def _join_quotients(terms: dict[Monomial, int]) -> Dim | None:
    """x where the terms hold x // n * n + x % n (times a factor), else None."""
    for monomial, f in terms.items():
        for i, atom in enumerate(monomial):
            if not isinstance(atom, Quotient) or atom.op != "%":
                continue
            rest = Sym({monomial[:i] + monomial[i + 1:]: f})
            whole = rest * Sym({(Quotient("//", atom.left, atom.right),): 1}) * atom.right
            if not isinstance(whole, Sym) or len(whole.terms) != 1:
                continue
            (other, g), = whole.terms.items()
            if terms.get(other) == g:
                left = {m: h for m, h in terms.items() if m not in (monomial, other)}
                return rest * atom.left + _normal(left)
    return None


def variable(name: str, size: Dim | None = None, typical: int | None = None) -> Sym:
    """A new variable: a size, which is often `typical`, or with `size` a loop index below it."""
    return Sym({(Var(name, size, typical),): 1})


def as_var(x: Dim) -> Var | None:
    """The variable that `x` consists of, or None."""
    if isinstance(x, Sym) and len(x.terms) == 1:
        (monomial, factor), = x.terms.items()
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Var):
            return monomial[0]
    return None


def the_var(x: Dim) -> Var:
    """The variable that `x` consists of; raises CompileError where it is anything else."""
    var = as_var(x)
    if var is None:
        raise CompileError("shapes", operands=[("x", repr(x))], rule="a single variable")
    return var


def product(dims: Iterable[Dim]) -> Dim:
    """The product of sizes."""
    result: Dim = 1
    for d in dims:
        result = result * d
    return result


def strides_of(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """Row-major strides in elements."""
    strides: list[Dim] = []
    step: Dim = 1
    for d in reversed(shape):
        strides.append(step)
        step = step * d
    return tuple(reversed(strides))


def exact_quotient(x: Dim, y: Dim) -> Dim | None:
    """x / y where every term of x is a multiple of the single-term y, else None."""
    if isinstance(x, int) and isinstance(y, int):
        return x // y if y and x % y == 0 else None
    divisor = _terms(y)
    if len(divisor) != 1:
        return 1 if x == y else None
    (atoms, factor), = divisor.items()
    terms: dict[Monomial, int] = {}
    for monomial, f in _terms(x).items():
        rest = list(monomial)
        for atom in atoms:
            if atom not in rest:
                return None
            rest.remove(atom)
        if f % factor:
            return None
        terms[tuple(rest)] = f // factor
    return _normal(terms)


def _split(x: Dim, y: Dim) -> tuple[Dim, Dim]:
    """x = multiple * y + rest, term by term."""
    whole: Dim = 0
    rest: Dim = 0
    for monomial, f in _terms(x).items():
        term = _normal({monomial: f})
        q = exact_quotient(term, y)
        if q is not None:
            whole = whole + q
        else:
            rest = rest + term
    return whole, rest


def upper_bound(x: Dim) -> Dim | None:
    """A value that x, a sum of loop indices with positive factors, never exceeds; or None."""
    total: Dim = 0
    for monomial, f in _terms(x).items():
        if f < 0:
            return None
        term: Dim = f
        for atom in monomial:
            if isinstance(atom, Var):
                term = term * (atom.size - 1 if atom.size is not None else Sym({(atom,): 1}))
            elif atom.op == "%":
                term = term * (atom.right - 1)
            else:
                return None
        total = total + term
    return total


def provably_below(x: Dim, y: Dim) -> bool:
    """True where 0 <= x < y can be shown from the ranges of the variables."""
    bound = upper_bound(x)
    if bound is None:
        return False
    gap = y - bound
    return all(f > 0 for f in _terms(gap).values()) and gap != 0


def divide(x: Dim, y: Dim) -> Dim:
    """x // y for x >= 0, simplified where ranges allow."""
    if isinstance(x, int) and isinstance(y, int):
        return x // y
    if y == 1:
        return x
    whole, rest = _split(x, y)
    if rest == 0 or provably_below(rest, y):
        return whole
    if upper_bound(rest) is None:
        return Sym({(Quotient("//", x, y),): 1})
    return whole + Sym({(Quotient("//", rest, y),): 1})


def remainder(x: Dim, y: Dim) -> Dim:
    """x % y for x >= 0, simplified where ranges allow."""
    if isinstance(x, int) and isinstance(y, int):
        return x % y
    if y == 1:
        return 0
    _, rest = _split(x, y)
    if rest == 0 or provably_below(rest, y):
        return rest
    if upper_bound(rest) is None:
        rest = x
    return Sym({(Quotient("%", rest, y),): 1})


def substitute(x: Dim, values: Mapping[Var, Dim]) -> Dim:
    """x with variables replaced; divisions are simplified again."""
    if isinstance(x, int):
        return x
    total: Dim = 0
    for monomial, f in x.terms.items():
        term: Dim = f
        for atom in monomial:
            term = term * _substitute_atom(atom, values)
        total = total + term
    return total


def _substitute_atom(atom: Atom, values: Mapping[Var, Dim]) -> Dim:
    if isinstance(atom, Var):
        return values[atom] if atom in values else Sym({(atom,): 1})
    left, right = substitute(atom.left, values), substitute(atom.right, values)
    return divide(left, right) if atom.op == "//" else remainder(left, right)


def ceil_div(size: Dim, step: int) -> Dim:
    """How many steps cover `size`."""
    return (size + (step - 1)) // step


def evaluate(x: Dim, values: Mapping[Var, int]) -> int:
    """The integer that x stands for."""
    if isinstance(x, int):
        return x
    total = 0
    for monomial, f in x.terms.items():
        term = f
        for atom in monomial:
            if isinstance(atom, Var):
                term *= values[atom]
            else:
                a, b = evaluate(atom.left, values), evaluate(atom.right, values)
                term *= a // b if atom.op == "//" else a % b
        total += term
    return total


def variables(x: Any) -> set[Var]:
    """All variables in a size, or in any nesting of tuples of sizes."""
    found: set[Var] = set()
    _collect(x, found.add)
    return found


def _collect(x: Any, add: Callable[[Var], None]) -> None:
    if isinstance(x, Sym):
        for monomial in x.terms:
            for atom in monomial:
                if isinstance(atom, Var):
                    add(atom)
                else:
                    _collect(atom.left, add)
                    _collect(atom.right, add)
    elif isinstance(x, tuple):
        for item in x:
            _collect(item, add)


def linear_factor(x: Dim, var: Var) -> Dim | None:
    """The factor of `var` in x where x is linear in it, else None."""
    factor: Dim = 0
    for monomial, f in _terms(x).items():
        count = sum(1 for atom in monomial if atom is var)
        if any(isinstance(a, Quotient) and var in variables(Sym({(a,): 1})) for a in monomial):
            return None
        if count > 1:
            return None
        if count:
            rest = list(monomial)
            rest.remove(var)
            factor = factor + _normal({tuple(rest): f})
    return factor


def unravel(flat: Dim, shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """The index of element number `flat` in a row-major shape."""
    index: list[Dim] = []
    for d in reversed(shape[1:]):
        index.append(remainder(flat, d))
        flat = divide(flat, d)
    if shape:
        index.append(flat)
    return tuple(reversed(index))


def ravel(index: Sequence[Dim], shape: Sequence[Dim]) -> Dim:
    """The number of the element at `index` in a row-major shape."""
    flat: Dim = 0
    for i, d in zip(index, shape, strict=True):
        flat = flat * d + i
    return flat


def reshape_index(index: Sequence[Dim], shape: Sequence[Dim], old: Sequence[Dim]
                  ) -> tuple[Dim, ...]:
    """Where the element at `index` of `shape` lies in `old`, a shape of as many elements.

    Runs of axes with equal products are matched first, so most axes pass through untouched."""
    if 0 in shape:
        return (0,) * len(old)  # there is no element
    result: list[Dim] = []
    i = j = 0
    while i < len(shape) or j < len(old):
        if i < len(shape) and shape[i] == 1:
            i += 1
            continue
        if j < len(old) and old[j] == 1:
            result.append(0)
            j += 1
            continue
        a, b = i, j
        left: Dim = shape[i] if i < len(shape) else 1
        right: Dim = old[j] if j < len(old) else 1
        i, j = i + 1, j + 1
        while left != right:
            if i >= len(shape) and j >= len(old):
                break
            grow_left = j >= len(old) or (i < len(shape) and _smaller(left, right))
            if grow_left:
                left, i = left * shape[i], i + 1
            else:
                right, j = right * old[j], j + 1
        if left != right:  # sizes that only the run time can compare: all the rest as one run
            i, j = len(shape), len(old)
        flat = ravel(index[a:i], shape[a:i])
        result.extend(unravel(flat, old[b:j]) if j > b else ())
    return tuple(result[: len(old)])


def _smaller(left: Dim, right: Dim) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        return left < right
    return exact_quotient(right, left) is not None
