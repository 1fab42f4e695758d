# accel: the short way in.
#   make          builds          make bench   brings what is missing, builds, benchmarks what is here
#   make test     passes all tests make deps   brings the parts of deps/pins.txt (a no-op when they are there)
BUILD  ?= build/release
JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
CMAKE   = cmake -G Ninja -S . -DCMAKE_INSTALL_PREFIX=$(PREFIX)
CTEST   = ctest --output-on-failure --no-label-summary -j $(JOBS)
CLANG   = -DCMAKE_C_COMPILER=clang-19

.PHONY: all deps bench test conformance fuzz soak asan tsan clang wasm web neon peers bars install format check clean docs
.DELETE_ON_ERROR:

all: $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)

# Settings given as FLAGS=-D... are kept by the build folder.
$(BUILD)/build.ninja:
	@$(CMAKE) -B $(BUILD) $(FLAGS)

deps:
	@scripts/deps.sh

# A fresh clone has nothing to build with before deps, so the build is a second make.
bench: deps
	@$(MAKE) --no-print-directory all
	@scripts/bench.sh $(BUILD)/accel

test: deps
	@$(MAKE) --no-print-directory all
	@$(CTEST) --test-dir $(BUILD)

conformance: deps
	@$(MAKE) --no-print-directory all
	@scripts/conformance.sh $(BUILD)/accel

# Unit tests under AddressSanitizer and UndefinedBehaviorSanitizer, and under ThreadSanitizer.
asan:
	@$(CMAKE) -B build/asan -DACCEL_SANITIZE=address,undefined $(FLAGS)
	@cmake --build build/asan -j $(JOBS)
	@$(CTEST) --test-dir build/asan -LE script

tsan:
	@$(CMAKE) -B build/tsan -DACCEL_SANITIZE=thread $(CLANG) $(FLAGS)
	@cmake --build build/tsan -j $(JOBS)
	@$(CTEST) --test-dir build/tsan -LE script

clang:
	@$(CMAKE) -B build/clang $(CLANG) $(FLAGS)
	@cmake --build build/clang -j $(JOBS)

# SECONDS_EACH: how long each fuzz target runs.
fuzz:
	@scripts/fuzz.sh $(or $(SECONDS_EACH),300)

soak: deps
	@$(MAKE) --no-print-directory all
	@scripts/soak.sh

wasm:
	@scripts/wasm.sh

# The npm package, the agent page and the example, ready for any static host: build/web.
web: wasm
	@scripts/web.sh

# The kernels for arm64, tested under qemu-user.
neon:
	@scripts/neon.sh

peers: deps
	@$(MAKE) --no-print-directory all
	@benchmarks/peers.sh $(BUILD)/accel

# Every bar that a script measures, into docs/results/; on a quiet machine.
bars: deps
	@$(MAKE) --no-print-directory all
	@benchmarks/all.sh $(BUILD)/accel

install: all
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX) --strip

# The reference parts of docs/, written by the code they describe.
docs: all
	@ACCEL_UPDATE_DOCS=1 $(CTEST) --test-dir $(BUILD) -R 'store/test_docs|cli/test_zoo'

format:
	@scripts/check_format.sh --fix

check:
	@scripts/check_layers.py
	@scripts/check_format.sh

clean:
	rm -rf build
