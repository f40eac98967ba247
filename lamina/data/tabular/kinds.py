"""The kinds of columns by name: what a recipe, a configuration or a file may say."""

from lamina.data.tabular.columns import (
    Boolean,
    Category,
    Column,
    Hashed,
    Ignored,
    Integer,
    Number,
    Text,
)
from lamina.data.tabular.datetimes import Datetime

KINDS: dict[str, type[Column]] = {
    kind.kind: kind
    for kind in (Number, Integer, Category, Hashed, Boolean, Datetime, Text, Ignored)
}
