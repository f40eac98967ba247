"""Tables: the recipe that makes features of columns, kinds of columns, and splits of rows."""

from lamina.data.tabular.columns import Boolean, Category, Hashed, Ignored, Integer, Number, Text
from lamina.data.tabular.datetimes import Datetime
from lamina.data.tabular.recipe import TableRecipe
from lamina.data.tabular.splitting import split, split_rows, take_rows
from lamina.data.tabular.target import Classes, Values

__all__ = ["Boolean", "Category", "Classes", "Datetime", "Hashed", "Ignored", "Integer", "Number",
           "TableRecipe", "Text", "Values", "split", "split_rows", "take_rows"]
