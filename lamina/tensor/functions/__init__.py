"""Functions on tensors: the array API's names over the table of operations.

In: tensors, arrays and Python numbers. Out: lazy tensors. Here are dtype promotion, negative axes
and defaults; everything else about an operation stands in its row of the table.
"""

from lamina.tensor.functions import composites, indexing, movement, products, reductions
from lamina.tensor.functions.keywords import accept_words

for _module in (reductions, movement, indexing, products, composites):
    accept_words(_module)
