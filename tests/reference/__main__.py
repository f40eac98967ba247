"""`python -m tests.reference [table ...]`: PyTorch's values anew. Needs `pip install torch`."""

import sys

from tests.reference import case, models, optimizers, schedules, store
from tests.reference.tables import TABLES

ALL = {**{table: (cases, case.theirs) for table, cases in TABLES.items()},
       "models": ({name: name for name in models.ROWS}, models.theirs),
       "optimizers": (optimizers.OPTIMIZERS, optimizers.theirs),
       "schedules": (schedules.SCHEDULES, schedules.theirs)}

for table in sys.argv[1:] or ALL:
    cases, theirs = ALL[table]
    store.save(table, {name: theirs(item) for name, item in cases.items()})
    print(table, len(cases), "cases")
