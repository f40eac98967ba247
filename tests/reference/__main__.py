"""`python -m tests.reference [table ...]`: PyTorch's values anew. Needs `pip install torch`."""

import sys

from tests.reference import store
from tests.reference.case import theirs
from tests.reference.tables import TABLES

for table in sys.argv[1:] or TABLES:
    store.save(table, {name: theirs(case) for name, case in TABLES[table].items()})
    print(table, len(TABLES[table]), "cases")
