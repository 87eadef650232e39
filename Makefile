# Needs python3 (3.11 or newer) with pip, and make. Everything else is put into .venv and .tools here.
#
#   make demo    asks a question about an example file      make test    runs every test but those of large inputs
#   make check   style, types, import layers                make bench   prints the performance budgets
#   make pins    writes constraints.txt anew                make clean   removes what make installed
#   make test-slow   runs the tests of large inputs, and the commands of README and docs/
#   make test-backends   runs the tests of backends that need what pip does not bring: Debian's Redis 7, npm's dynalite
#   make campaign   kills and freezes processes at every store call, and checks that nothing acknowledged is lost
#
#   PY=/usr/bin/python3.12   the interpreter to build .venv with     USE_PIP=1   install with pip, not uv
#   UV=uv                    a uv that is already there              PYTEST_ARGS="-k records"

PY          ?= python3
UV          ?= .tools/bin/uv
USE_PIP     ?=
PYTEST_ARGS ?= -n auto

PYTHON    := .venv/bin/python
INSTALLED := .venv/.installed
PLUGINS   := $(patsubst %/pyproject.toml,%,$(wildcard plugins/*/pyproject.toml))
PROJECTS  := pyproject.toml $(PLUGINS:%=%/pyproject.toml)
EDITABLE  := -e '.[dev]' $(PLUGINS:%=-e './%[test]')

# Bytecode makes every start two to three times as fast; many machines switch it off, and uv does not write it by itself.
unexport PYTHONDONTWRITEBYTECODE
export UV_COMPILE_BYTECODE = 1
# uv and node bring their own root certificates; behind a company's proxy only the system's will do, as for pip.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt),)
export UV_SYSTEM_CERTS ?= 1
export NODE_EXTRA_CA_CERTS ?= /etc/ssl/certs/ca-certificates.crt
endif
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore
# The build backend is pinned too: pip before 25.3 reads the first variable for builds as well, later ones the second.
export PIP_CONSTRAINT = constraints.txt
export PIP_BUILD_CONSTRAINT = constraints.txt

# Servers that pip does not bring. REDIS=/usr/bin/redis-server takes one that is there (7.0 or newer).
REDIS     ?= .tools/redis/redis-server
DEBS      := redis-server redis-tools libjemalloc2 liblzf1 liblua5.1-0 lua-bitop lua-cjson
DYNALITE  ?= .tools/dynalite/node_modules/.bin/dynalite

.PHONY: demo test test-slow test-backends check bench campaign pins clean
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	.venv/bin/dataops ask "profile examples/data/orders.csv"

test: $(INSTALLED)
	$(PYTHON) -m pytest $(PYTEST_ARGS)

test-slow: $(INSTALLED)
	$(PYTHON) -m pytest $(PYTEST_ARGS) -m slow

test-backends: $(INSTALLED) $(REDIS) $(DYNALITE)
	DATAOPS_REDIS_SERVER=$(abspath $(REDIS)) DATAOPS_DYNALITE=$(abspath $(DYNALITE)) \
	$(PYTHON) -m pytest $(PYTEST_ARGS) plugins/*/backend/tests

# Unpacked and not installed: nothing of the machine changes, and nobody has to be root.
.tools/redis/redis-server:
	@rm -rf $(@D) && mkdir -p $(@D)
	cd $(@D) && { apt-get download -q $(DEBS) || { apt-get update -q && apt-get download -q $(DEBS); }; }
	@cd $(@D) && for package in *.deb; do dpkg -x "$$package" .; done && rm -- *.deb
	@printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s"\nexec "%s/usr/bin/redis-server" "$$@"\n' \
	"$$(dirname "$$(find $(abspath $(@D)) -name 'liblzf.so*' | head -n 1)")" $(abspath $(@D)) > $@
	@chmod +x $@ && $@ --version

.tools/dynalite/node_modules/.bin/dynalite:
	npm install --loglevel=error --no-audit --no-fund --no-save --prefix .tools/dynalite dynalite@4.0.0

check: $(INSTALLED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict dataops_core
	.venv/bin/lint-imports

bench: $(INSTALLED)
	$(PYTHON) -m bench

campaign: $(INSTALLED)
	$(PYTHON) -m campaign

# `--target` is allowed on machines that forbid installs into the system's Python (PEP 668).
GET_UV := [ -x "$$(command -v $(UV))" ] || $(PY) -m pip install --quiet --target .tools --upgrade 'uv>=0.11,<1'

# `--without-pip`: Debian ships venv without ensurepip. `--no-sources`: the plugins find the core among the arguments.
WITH_UV   = { [ -x $(PYTHON) ] || $(UV) venv --quiet --clear --python "$$interpreter" .venv; } && \
            $(UV) pip install --quiet --python $(PYTHON) --no-sources -c constraints.txt -b constraints.txt $(EDITABLE)
WITH_PIP  = { [ -x $(PYTHON) ] || "$$interpreter" -m venv --clear --without-pip .venv; } && \
            $(PY) -m pip --python $(PYTHON) install --quiet $(EDITABLE)

$(INSTALLED): $(PROJECTS) constraints.txt
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "DataOps needs Python 3.11 or newer: make PY=python3.11")'
	@interpreter=$$($(PY) -c 'import sys; print(sys.executable)'); \
	if [ -n "$(USE_PIP)" ]; then echo "Installing with pip, as USE_PIP asks for."; $(WITH_PIP); \
	elif echo "Installing with uv." && $(GET_UV) && $(WITH_UV); then :; \
	else echo "uv could not do it (see above). Installing with pip instead, which takes longer."; $(WITH_PIP); fi
	@touch $@

# The versions of everything that is ever installed here. UPGRADE=1 takes the newest, otherwise what still fits stays.
pins:
	@$(GET_UV)
	echo hatchling | env -u UV_INDEX -u UV_EXTRA_INDEX_URL -u UV_DEFAULT_INDEX -u UV_INDEX_URL -u UV_FIND_LINKS \
	$(UV) --no-config pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
	--no-emit-package dataops-core --extra dev --extra test $(if $(UPGRADE),--upgrade) --output-file constraints.txt - $(PROJECTS)

clean:
	rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
