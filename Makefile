# The commands of the README. Each sets up what it needs.
#
#   make            build
#   make test       build and run every test
#   make demo       the main job on real data: accuracy, size and speed, one table
#   make zoo        fetch real models; compile, judge and time them: docs/zoo.md
#   make docs       regenerate docs/generated
#   make install    into PREFIX (default /usr/local)

PRESET ?= release
BUILD ?= build
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local

.PHONY: all setup configure build test demo zoo docs install clean
all: build

setup:
	@tools/scripts/setup

configure: setup
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET) -B $(BUILD) >/dev/null

build: configure
	@cmake --build $(BUILD) -j $(JOBS)

test: build
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

# Builds only the two tools: no tests, no benchmarks.
demo: configure
	@cmake --build $(BUILD) -j $(JOBS) --target qopt qrun
	@tools/scripts/demo $(BUILD)

# Needs the network at first; ONNX Runtime comes in an environment of its own.
zoo: configure
	@cmake --build $(BUILD) -j $(JOBS) --target qopt qrun
	@test -x $(BUILD)/zoo/venv/bin/python || python3 -m venv $(BUILD)/zoo/venv
	@$(BUILD)/zoo/venv/bin/pip install --quiet -r tools/zoo/requirements.txt -r tools/bench/requirements.txt
	@$(BUILD)/zoo/venv/bin/python tools/zoo/judge.py --build $(BUILD) --zoo $(BUILD)/zoo

docs: build
	@tools/scripts/generate-docs $(BUILD)

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	@rm -rf $(BUILD)
