"""The tables, by the name of the file that holds their values."""

from tests.reference.case import Case
from tests.reference.layers import LAYERS
from tests.reference.losses import LOSSES
from tests.reference.sequences import SEQUENCES

TABLES: dict[str, dict[str, Case]] = {
    "layers": LAYERS,
    "losses": LOSSES,
    "sequences": SEQUENCES,
}
