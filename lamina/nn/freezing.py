"""What freezing means besides gradients: batch norms keep their statistics.

In: a module, some of whose parameters were just frozen or unfrozen. Out: batch norms whose own
parameters are all frozen are in evaluation mode and stay there, whatever `train()` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lamina.nn.module import Module


def hold_statistics(model: Module) -> None:
    """Hold the batch norms that are frozen, let go of those that are trained again."""
    for module in model.modules():
        own = list(module.parameters()) if _has_statistics(module) else []
        if not own:
            continue
        held = not any(p.requires_grad for p in own)
        if held and not module._held:
            module._held, module.training = True, False
        elif not held and module._held:
            module._held, module.training = False, model.training


def _has_statistics(module: Any) -> bool:
    return getattr(module, "running_mean", None) is not None
