"""The operations. Nodes get their operators here, from the table: rules read as formulas."""

from lamina.graph.node import Node
from lamina.ops.table import TABLE

OPERATORS = {"add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide"}
ONE_SIDED = {"pow": "pow", "matmul": "matmul", "neg": "negative", "lt": "less",
             "le": "less_equal", "gt": "greater", "ge": "greater_equal"}

for _sign, _name in {**OPERATORS, **ONE_SIDED}.items():
    setattr(Node, f"__{_sign}__", lambda *operands, op=TABLE[_name]: op(*operands))
for _sign, _name in OPERATORS.items():
    setattr(Node, f"__r{_sign}__", lambda x, y, op=TABLE[_name]: op(y, x))
