# make demo   train a small convolutional network on Fashion-MNIST
# make test   install the test extra and run the tests
# make docs   build the documentation as a site in build/docs
# make lint   ruff and mypy
# PYTHON=python3.12 make test   picks another Python for .venv

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: demo test docs lint clean

demo: $(VENV)/.cli
	$(BIN)/lamina train fashion-mnist $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W -q -b html docs build/docs
	@echo "build/docs/index.html"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) build dist lamina.egg-info

# One stamp for each extra; made anew when the list of dependencies changes.
$(VENV)/.%: pyproject.toml $(VENV)/pyvenv.cfg
	@$(install_extra)
	@touch $@

$(VENV)/pyvenv.cfg:
	@$(make_venv)

.PRECIOUS: $(VENV)/.%

define make_venv
set -e; \
command -v $(PYTHON) >/dev/null || { \
  echo "Lamina needs Python 3.11 or newer, and there is no '$(PYTHON)' here." >&2; \
  echo "Install Python, or name yours: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
  echo "Lamina needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V)." >&2; \
  echo "Name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; exit 1; }; \
echo "making $(VENV)"; \
$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
$(PYTHON) -m venv --clear --without-pip $(VENV) || { \
  rm -rf $(VENV); \
  echo "'$(PYTHON) -m venv' does not work here." >&2; \
  echo "On Debian and Ubuntu: sudo apt install python3-venv" >&2; exit 1; }
endef

# Where ensurepip is missing, the virtual environment has no pip and the outer one fills it.
define install_extra
set -e; \
echo "installing lamina[$*]"; \
if $(BIN)/python -m pip --version >/dev/null 2>&1; then pip="$(BIN)/python -m pip"; \
elif $(PYTHON) -m pip --python $(BIN)/python --version >/dev/null 2>&1; then \
  pip="$(PYTHON) -m pip --python $(BIN)/python"; \
else \
  echo "There is no pip, neither in $(VENV) nor for '$(PYTHON)'." >&2; \
  echo "On Debian and Ubuntu: sudo apt install python3-venv && make clean" >&2; exit 1; \
fi; \
$$pip install --quiet --disable-pip-version-check -e ".[$*]"
endef
