"""The tables, by the name of the file that holds their values."""

from tests.reference.activations import ACTIVATIONS
from tests.reference.case import Case
from tests.reference.layers import LAYERS
from tests.reference.losses import LOSSES
from tests.reference.normalisation import NORMALISATION
from tests.reference.pooling import POOLING
from tests.reference.resampling import RESAMPLING
from tests.reference.sequences import SEQUENCES

TABLES: dict[str, dict[str, Case]] = {
    "activations": ACTIVATIONS,
    "layers": LAYERS,
    "losses": LOSSES,
    "normalisation": NORMALISATION,
    "pooling": POOLING,
    "resampling": RESAMPLING,
    "sequences": SEQUENCES,
}
