"""Policies by name, as configurations have them: `{type = "RandomCrop", size = 32, padding = 4}`.

In: plain data. Out: policies; and back.
"""

from __future__ import annotations

from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any

from lamina.data.augment.affine import Affine, Rotate
from lamina.data.augment.colours import ColorJitter, Grayscale
from lamina.data.augment.compose import Compose, RandomApply
from lamina.data.augment.crops import CenterCrop, RandomCrop, RandomResizedCrop
from lamina.data.augment.erasing import Cutout, RandomErasing
from lamina.data.augment.flips import HorizontalFlip, VerticalFlip
from lamina.data.augment.mixing import CutMix, Mixup
from lamina.data.augment.noise import GaussianNoise
from lamina.data.augment.policy import Policy
from lamina.data.augment.random_choice import RandAugment, TrivialAugment
from lamina.data.augment.resize import Resize
from lamina.data.augment.sharpness import GaussianBlur, Sharpness
from lamina.data.augment.tones import AutoContrast, Equalize, Posterize, Solarize
from lamina.data.augment.values import Normalize, ToFloat
from lamina.errors import ArgumentError

REGISTRY: dict[str, type[Policy]] = {
    "Affine": Affine,
    "AutoContrast": AutoContrast,
    "CenterCrop": CenterCrop,
    "ColorJitter": ColorJitter,
    "Compose": Compose,
    "CutMix": CutMix,
    "Cutout": Cutout,
    "Equalize": Equalize,
    "GaussianBlur": GaussianBlur,
    "GaussianNoise": GaussianNoise,
    "Grayscale": Grayscale,
    "HorizontalFlip": HorizontalFlip,
    "Mixup": Mixup,
    "Normalize": Normalize,
    "Posterize": Posterize,
    "RandAugment": RandAugment,
    "RandomApply": RandomApply,
    "RandomCrop": RandomCrop,
    "RandomErasing": RandomErasing,
    "RandomResizedCrop": RandomResizedCrop,
    "Resize": Resize,
    "Rotate": Rotate,
    "Sharpness": Sharpness,
    "Solarize": Solarize,
    "ToFloat": ToFloat,
    "TrivialAugment": TrivialAugment,
    "VerticalFlip": VerticalFlip,
}


def build(description: Any) -> Policy:
    """The policy that plain data describes: a dict with `type` and arguments, or a list of these.

    Of Compose the argument is `policies`, a list of descriptions; of RandomApply `policy` is one.
    Raises ArgumentError for unknown types and arguments, and what the policy itself raises.

    >>> build({"type": "RandomCrop", "size": 32, "padding": 4})
    RandomCrop(size=32, padding=4, mode='constant', fill=0.0)
    >>> build([{"type": "HorizontalFlip"}, {"type": "ToFloat"}])
    Compose(HorizontalFlip(p=0.5), ToFloat())
    """
    if isinstance(description, list | tuple):
        return Compose(*map(build, description))
    if isinstance(description, Policy):
        return description
    if not isinstance(description, dict):
        raise ArgumentError("build", operands=[("policy", f"{description!r:.60}")],
                            rule='a policy is {"type": name, argument: value, ...}, or a list',
                            got=description)
    policy = _named(description.get("type"))
    arguments = {name: value for name, value in description.items() if name != "type"}
    _check_arguments(policy, arguments)
    if policy is Compose:
        parts = arguments["policies"]
        if not isinstance(parts, list | tuple):
            raise ArgumentError("Compose", operands=[("policies", f"{parts!r:.60}")], got=parts,
                                rule="policies is a list of policies")
        return Compose(*map(build, parts))
    if policy is RandomApply:
        arguments["policy"] = build(arguments["policy"])
    return policy(**arguments)


def describe(policy: Any) -> dict[str, Any]:
    """Plain data from which `build` makes an equal policy. Raises ArgumentError for a function.

    >>> describe(HorizontalFlip(p=0.25))
    {'type': 'HorizontalFlip', 'p': 0.25}
    """
    name = type(policy).__name__
    if REGISTRY.get(name) is not type(policy):
        raise ArgumentError("describe", operands=[("policy", f"{policy!r:.60}")], got=policy,
                            rule="only policies of the registry are plain data")
    if isinstance(policy, Compose):
        return {"type": name, "policies": [describe(p) for p in policy.policies]}
    arguments = {field.name: getattr(policy, field.name) for field in fields(policy)}
    if isinstance(policy, RandomApply):
        arguments["policy"] = describe(policy.policy)
    return {"type": name, **{key: list(value) if isinstance(value, tuple) else value
                             for key, value in arguments.items()}}


def _named(name: Any) -> type[Policy]:
    if isinstance(name, str) and name in REGISTRY:
        return REGISTRY[name]
    raise _unknown("type", name, sorted(REGISTRY), "build")


def _check_arguments(policy: type[Policy], arguments: dict[str, Any]) -> None:
    known = {field.name: field for field in fields(policy)}
    for name in arguments:
        if name not in known:
            raise _unknown("argument", name, list(known), policy.__name__)
    for name, field in known.items():
        if name not in arguments and _is_required(field):
            raise ArgumentError(policy.__name__, operands=[("arguments", f"{arguments!r:.60}")],
                                rule=f"{policy.__name__} needs {name}")


def _is_required(field: Any) -> bool:
    return bool(field.default is MISSING and field.default_factory is MISSING)


def _unknown(what: str, name: Any, known: list[str], op: str) -> ArgumentError:
    close = get_close_matches(str(name), known, 1, 0.5)
    return ArgumentError(op, operands=[(what, f"{name!r:.60}")], got=name, expected=known,
                         rule=f"{what} is one of {', '.join(known)}" if known
                         else f"{op} takes no arguments",
                         hint=close[0] if close else "")
