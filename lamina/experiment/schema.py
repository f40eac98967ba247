"""The sections and keys of a configuration, with what each means: pydantic models.

In: tables. Out: the same, checked: no unknown key, no value of another type. Sections with a `type`
also take the arguments of that part, which `names` holds against its signature.
docs/reference/config.md is made from this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from annotated_types import Ge
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import core_schema

from lamina.experiment.arguments import is_number


class Is:
    """A value that fulfils a condition, which is said in words: in errors and in the reference."""

    def __init__(self, text: str, is_right: Callable[[Any], bool]) -> None:
        self.text = text
        self.is_right = is_right

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """The condition as pydantic asks for it."""
        return core_schema.no_info_after_validator_function(self.checked, handler(source))

    def checked(self, value: Any) -> Any:
        """The value, or ValueError with the words."""
        if not self.is_right(value):
            raise ValueError(self.text)
        return value


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value < 1


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _typed(value: Any) -> Any:
    """`"mse"` for `{type = "mse"}`."""
    return {"type": value} if isinstance(value, str) else value


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, dict)
                                      and isinstance(value.get("type"), str))


def _are_numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_number, value))


def _is_normalisation(value: Any) -> bool:
    if isinstance(value, dict):
        return set(value) == {"mean", "std"} and all(map(_are_numbers, value.values()))
    return value in ("auto", "none", "unit", "standard")


def _is_positive(value: Any) -> bool:
    return is_number(value) and 0 < value < float("inf")


def _is_not_negative(value: Any) -> bool:
    return is_number(value) and 0 <= value < float("inf")


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_part, value))


def _is_portion(value: Any) -> bool:
    return _is_share(value) or (isinstance(value, dict) and _is_part(value))


Count = Annotated[int, Ge(1)]
Rate = Annotated[Any, Is('a number above 0, or "search"',
                         lambda value: value == "search" or _is_positive(value))]
PositiveNumber = Annotated[Any, Is("a number above 0", _is_positive)]
Number = Annotated[Any, Is("a number of at least 0", _is_not_negative)]
Portion = Annotated[Any, Is(
    "a share from 0 to below 1, or a table with the type of another source", _is_portion)]
PartList = Annotated[Any, Is("a list of names, or of tables with a type", _are_parts)]
Patterns = Annotated[Any, Is(
    'a list of names or patterns of parameters, such as "fc" or "**.bias"', _are_words)]
Names = Annotated[Any, Is("a list of names", _are_words)]
Normalisation = Annotated[Any, Is(
    '"auto", "none", "unit", "standard", or a table with mean and std', _is_normalisation)]
Layers = Annotated[Any, Is("a list of layers", lambda value: isinstance(value, list))]
Every = Annotated[Any, Is('a number of steps, or "epoch"',
                          lambda value: value == "epoch" or _is_count(value))]


class Section(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Part(Section):
    """A table with a `type` and the arguments of that type."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str = Field(description="The name of the part.")

    @property
    def arguments(self) -> dict[str, Any]:
        """What is given beyond the keys of the section."""
        return dict(self.model_extra or {})


class Data(Part):
    """Where the examples come from, and how they are divided and prepared.

    The other keys are the arguments of the source. Paths start from the folder of the file.
    """

    type: str = Field(description="The source: one of those below.")
    validation: Portion = Field(
        0.1, description="What is held out of the training examples to validate with after each "
                         "epoch: a share, or another source.")
    test: Portion = Field(
        0.0, description="What is held out for `lamina evaluate`: a share, or another source. "
                         "Ready data sets have their own.")
    limit: Count | None = Field(None, description="Use only so many examples of each part.")
    normalize: Normalisation = Field(
        "auto", description='How numbers are scaled: "unit" divides pixels by 255; "standard" '
                            "makes mean 0 and deviation 1 for each channel over the training "
                            "examples; a table has their mean and std, of pixels from 0 to 1; "
                            '"auto" is "standard" for images and "none" for others.')
    augment: PartList = Field(
        [], description="Random changes of the training images, one after the other.")
    balance: bool = Field(False, description="Draw all classes equally often.")
    drop_last: bool = Field(False, description="Leave out the last batch if it is short.")
    on_error: Literal["raise", "skip"] = Field(
        "raise", description="What a record that cannot be read does: end the training, or be "
                             "left out and counted.")
    threads: Count = Field(2, description="Threads that read and decode ahead.")
    prefetch: Annotated[int, Ge(0)] = Field(2, description="Batches that are read ahead.")


class Table(Section):
    """How the columns of a table become numbers: fitted on the training rows, kept in the model."""

    target: str = Field(description="The column that is to be predicted.")
    columns: dict[str, Any] = Field(
        {}, description="Columns to use: for each, its kind such as \"number\" or \"category\", or "
                        "a table with kind and arguments. All others as their values suggest.")
    drop: Names = Field([], description="Columns to leave out, such as names and identifiers.")
    task: Literal["auto", "classification", "regression"] = Field(
        "auto", description="What the target is; numbers with many values are a regression.")


class Model(Section):
    """The network: a ready one by `type` with its arguments, or a list of `layers`."""

    model_config = ConfigDict(extra="allow", strict=True)

    type: str | None = Field(None, description="A ready model: one of those below.")
    layers: Layers | None = Field(
        None, description="Layers one after the other: names, or tables with `type`, the "
                          "arguments, and `repeat`, `name`, `if`.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Model:
        if (self.type is None) == (self.layers is None):
            raise ValueError("expected either type, a ready model, or layers, a list")
        return self


class Block(Section):
    """Layers that are used by name, with parameters: `[blocks.bottleneck]`."""

    parameters: dict[str, bool | int | float | str] = Field(
        {}, description="Names and defaults; a layer inside uses them as \"=4 * width\".")
    layers: list[Any] = Field(description="Layers, as in [model].")


class Loss(Part):
    """What training makes small; the other keys are its arguments."""

    type: str = Field(description="One of those below.")


class Schedule(Part):
    """How the learning rate changes; the other keys are its arguments."""

    type: str = Field(description="One of those below.")
    warmup: Number = Field(
        0, description="Length of a straight line up to the rate at first.")
    unit: Literal["epochs", "steps"] = Field(
        "epochs", description="What lengths and milestones are counted in.")


class Group(Section):
    """Parameters that have options of their own."""

    match: Patterns = Field(description="Which parameters: names or patterns, where `*` is any "
                                        "part of a name and `**` any number of parts.")
    lr: PositiveNumber | None = Field(None, description="Their rate at the top of the schedule.")
    lr_factor: PositiveNumber | None = Field(
        None, description="The same as a factor of the optimizer's.")
    weight_decay: Number | None = Field(None, description="Their weight decay.")


class Optimizer(Part):
    """What makes the steps; the other keys are its arguments."""

    type: str = Field("Adam", description="One of those below.")
    lr: Rate = Field(1e-3, description="The learning rate: at the top of the schedule; \"search\" "
                                       "finds one before the first step.")
    schedule: Annotated[Schedule | None, BeforeValidator(_typed)] = Field(
        None, description="How the rate changes: a name, or a table.")
    clip: PositiveNumber | None = Field(
        None, description="The most that the norm of all gradients may be.")
    accumulate: Count = Field(
        1, description="Parts in which a batch goes through the network.")
    decay_norms: bool = Field(
        True, description="Whether weight_decay also holds for biases and normalisations.")
    groups: list[Group] = Field([], description="Parameters with options of their own.")


class FineTune(Section):
    """Begin with the weights of another model."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    from_: str = Field(alias="from", description="A model file or a checkpoint.")
    layers: Patterns = Field([], description="Which parameters to take; all that fit without it.")
    freeze: Patterns = Field([], description="Which parameters to leave as they are.")
    rename: dict[str, str] = Field(
        {}, description="Beginnings of names in the file -> beginnings in this model.")


class Run(Section):
    """What the training leaves behind."""

    folder: str = Field("runs/{name}", description="The folder of the run; {name} is the name of "
                                                   "the file. Starts from the working folder.")
    exists: Literal["number", "error"] = Field(
        "number", description="If there is a run in it: number a new one, or stop.")
    report: bool = Field(True, description="Whether to write card.md and report.html.")
    title: str = Field("", description="The title of the report.")
    save_every: Every = Field("epoch", description="How often a checkpoint is written.")
    keep: Count = Field(2, description="How many checkpoints are kept.")
    save: Literal["last", "best"] = Field(
        "last", description="Which weights model.safetensors has: those at the end, or of the best "
                            "epoch.")
    monitor: str = Field(
        "", description="The number that says which model is the best: valid_loss, or loss if "
                        "nothing validates.")
    mode: Literal["auto", "min", "max"] = Field(
        "auto", description="Whether less or more of it is better; losses and errors are better "
                            "when small.")


class Configuration(Section):
    """The whole file."""

    seed: Annotated[int, Ge(0)] = Field(0, description="Of all random numbers.")
    epochs: Count = Field(10, description="How often training goes over the examples.")
    batch_size: Count = Field(32, description="Examples in a step.")
    data: Annotated[Data, BeforeValidator(_typed)] = Field(description="[data]")
    table: Table | None = Field(None, description="[table]: for data in columns.")
    model: Annotated[Model, BeforeValidator(_typed)] = Field(description="[model]")
    blocks: dict[str, Block] = Field({}, description="[blocks.NAME]: layers with parameters.")
    loss: Annotated[Loss | None, BeforeValidator(_typed)] = Field(
        None, description='[loss]: by the data: "cross_entropy" for classes, "mse" for numbers.')
    metrics: PartList | None = Field(
        None, description='What is reported besides the loss: "accuracy" for classes, '
                          '"mean_absolute_error" for numbers.')
    optimizer: Annotated[Optimizer, BeforeValidator(_typed)] = Field(
        Optimizer(), description="[optimizer]")  # type: ignore[call-arg]
    callbacks: dict[str, dict[str, Any]] = Field(
        {}, description="[callbacks.NAME]: one of those below, with its arguments.")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="What activations are computed in; weights stay float32.")
    recompute: bool = Field(
        False, description="Compute activations again in the backward pass: less memory, more "
                           "time.")
    memory_limit: str | None = Field(
        None, description='The most memory that a step may hold, such as "4 GiB": what there is no '
                          "room to keep is computed again.")
    on_nan: Literal["raise", "skip", "rewind"] = Field(
        "raise", description="What a loss that is no number does: end the training with the name "
                             "of the operation, leave the batch out, or also go back a little.")
    class_weights: bool = Field(
        False, description="Weigh classes by how rare they are in the training examples.")
    fine_tune: FineTune | None = Field(None, description="[fine_tune]")
    run: Run = Field(Run(), description="[run]")  # type: ignore[call-arg]


__all__ = ["Block", "Configuration", "Data", "FineTune", "Group", "Is", "Loss",
           "Model", "Optimizer", "Part", "Run", "Schedule", "Section", "Table"]
