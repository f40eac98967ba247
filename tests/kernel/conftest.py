"""What tests of whole computations on every target share."""

import pytest

from lamina.config import settings
from lamina.runtime import families
from lamina.targets import TARGETS
from tests.codegen.harness import RUNNABLE


@pytest.fixture(params=RUNNABLE[1:] or RUNNABLE, ids=lambda t: t.name)
def target(request):
    """Everything compiled for one target."""
    before = settings.target
    families.forget_programs()
    settings.target = request.param.name if request.param in TARGETS.values() else "native"
    yield request.param
    settings.target = before
    families.forget_programs()
