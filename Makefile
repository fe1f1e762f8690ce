# Short names for the presets of CMakePresets.json. Every target installs what it lacks, says what it does, and is
# quick when there is nothing to do. `make help` lists them.

.DEFAULT_GOAL := build
.PHONY: build test sim demo bench check format clean help

# Configures a preset when it is new or changed; Ninja itself runs CMake again when a CMake file changes.
define configured
	@test build/$(1)/build.ninja -nt CMakePresets.json || cmake --preset $(1)
endef

build: ## build/release/tidal and its library
	@tools/install-dependencies
	$(call configured,release)
	@cmake --build --preset release

test: ## every test, assertions on; ONLY=name runs those whose name matches
	@tools/install-dependencies
	@tools/movielens.py
	$(call configured,test)
	@cmake --build --preset test
	@tools/run_tests.py test $(if $(ONLY),-R $(ONLY))

sim: ## random histories of a whole simulated database: SECONDS=60, or SEED=7 for one with every step
	@tools/install-dependencies
	$(call configured,test)
	@cmake --build --preset test --target tidal_sim
	@build/test/test/sim/tidal_sim $(if $(SEED),--seed $(SEED),--seconds $(or $(SECONDS),60))

demo: build ## loads MovieLens into a database and asks it questions
	@tools/movielens.py
	@build/release/tidal demo --data build/data/movielens

bench: build ## the benchmarks of the release build
	@tools/run_bench.sh

check: ## format, style, and all tests under AddressSanitizer, UBSan, clang and ThreadSanitizer
	@tools/install-dependencies --checks
	@tools/movielens.py
	@tools/check_format.sh
	@tools/tidy.py
	@for preset in dev clang tsan; do \
	  cmake --preset $$preset && cmake --build --preset $$preset && tools/run_tests.py $$preset || exit 1; done

format: ## rewrites every file of ours with clang-format 14
	@tools/install-dependencies --checks
	@tools/check_format.sh --fix

clean: ## removes everything compiled; keeps what was downloaded
	@cd build 2>/dev/null && rm -rf release test dev clang tsan fuzz install || true

help:
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1	/p' Makefile
