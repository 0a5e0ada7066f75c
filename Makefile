# `make walk` shows eigenwell at work, `make test` checks all of it; CONTRIBUTING.md says more.
# Everything lands in .venv, build and dist. PYTHON=... and CXX=... choose the tools, ARGS=... goes
# to the command behind walk, test and bench. Kept to GNU make 3.81, which is what macOS has.

.DEFAULT_GOAL := walk
.DELETE_ON_ERROR:
.PHONY: walk test lint bench wheel native sanitize fuzz clean

RUN   := .venv/bin
# The same small wheel everywhere, whether there is an nvcc or not: ON or AUTO adds the GPU's kernels.
CUDA  ?= OFF
PIP   := $(RUN)/python -m pip --disable-pip-version-check
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)

PACKAGE := $(shell find CMakeLists.txt pyproject.toml README.md LICENSE cpp python -type f \
    ! -path '*/__pycache__/*' ! -path 'cpp/tests/*' ! -path 'cpp/examples/*')
CXX_FILES = $(shell find cpp bench -name '*.hpp' -o -name '*.cpp' -o -name '*.h' -o -name '*.c')

walk: .venv/.walk
	$(RUN)/eigenwell walk $(ARGS)

test: native sanitize .venv/.test
	EIGENWELL_WHEEL="$$(echo dist/eigenwell-*.whl)" $(RUN)/python -m pytest tests $(ARGS)

lint: .venv/.lint
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy --strict python/eigenwell
	$(RUN)/clang-format --dry-run -Werror $(CXX_FILES)
	$(CONFIGURE) -B build/lint -DEIGENWELL_BUILD_PYTHON=ON -DEIGENWELL_CUDA=OFF \
	    -Dpybind11_DIR="$$($(RUN)/python -m pybind11 --cmakedir)"
	sed -n 's/^ *"file": "\(.*\)".*/\1/p' build/lint/compile_commands.json | sort -u | \
	    xargs -n 1 -P 2 $(RUN)/clang-tidy -p build/lint --quiet

bench: .venv/.bench
	$(RUN)/python -m pytest bench/bench_*.py $(ARGS)

wheel: dist/.built

clean:
	rm -rf .venv build dist

# The C++ tests, in one build as released and in one that watches memory and undefined behaviour.
CONFIGURE = $(RUN)/cmake -S . -G Ninja -DCMAKE_MAKE_PROGRAM="$(CURDIR)/$(RUN)/ninja" \
    -DPython_EXECUTABLE="$(CURDIR)/$(RUN)/python" -DEIGENWELL_BUILD_TESTS=ON \
    -DCMAKE_EXPORT_COMPILE_COMMANDS=ON
native: FLAGS = -DCMAKE_BUILD_TYPE=Release
sanitize: FLAGS = -DCMAKE_BUILD_TYPE=RelWithDebInfo -DEIGENWELL_SANITIZE=address,undefined
native sanitize: .venv/.test
	$(CONFIGURE) -B build/$@ -DEIGENWELL_BUILD_PYTHON=OFF $(FLAGS)
	$(RUN)/cmake --build build/$@
	$(RUN)/ctest --test-dir build/$@ --output-on-failure

# The .dcp parser under libFuzzer, for which Clang is needed. What it finds lands in build/fuzz/found.
FUZZ_SECONDS ?= 600
fuzz: FLAGS = -DEIGENWELL_BUILD_FUZZERS=ON -DEIGENWELL_SANITIZE=address,undefined,fuzzer-no-link
fuzz: .venv/.test
	CC=clang CXX=clang++ $(CONFIGURE) -B build/fuzz -DEIGENWELL_BUILD_PYTHON=OFF $(FLAGS)
	$(RUN)/cmake --build build/fuzz --target fuzz_dcp
	mkdir -p build/fuzz/found
	build/fuzz/cpp/tests/fuzz/fuzz_dcp -max_total_time=$(FUZZ_SECONDS) build/fuzz/found tests/golden/dcp_corpus

# The environment: one stamp per extra, so that a second `make` installs only what has changed.
.venv/.made:
	@python=$$(.ci/preflight) && "$$python" -m venv .venv
	@touch $@

dist/.built: $(PACKAGE) .venv/.made
	@.ci/preflight >/dev/null
	rm -f dist/eigenwell-*.whl
	$(PIP) wheel --quiet --no-deps --wheel-dir dist -C cmake.define.EIGENWELL_CUDA=$(CUDA) .
	$(PIP) install --quiet --force-reinstall --no-deps dist/eigenwell-*.whl
	@touch $@

# On Linux the default torch brings gigabytes of CUDA packages: take the CPU build where the indexes
# that pip is set up with have it. CONTRIBUTING.md says how to add PyTorch's own.
.venv/.torch: constraints.txt | .venv/.made
	[ "$$(uname)" != Linux ] || $(PIP) install --quiet "torch==$(TORCH)+cpu" 2>/dev/null || \
	    $(PIP) install --quiet "torch==$(TORCH)"
	@touch $@

.venv/.walk: EXTRAS = walk
.venv/.test: EXTRAS = test
.venv/.bench: EXTRAS = bench
.venv/.lint: EXTRAS = all,dev
.venv/.test .venv/.bench .venv/.lint: .venv/.torch
.venv/.walk .venv/.test .venv/.bench .venv/.lint: dist/.built constraints.txt
	$(PIP) install --quiet -c constraints.txt "$$(echo dist/eigenwell-*.whl)[$(EXTRAS)]"
	@touch $@
