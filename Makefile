# accel: the short way in. `make deps` once, then `make`, `make test`, `make bench`.
BUILD  ?= build/release
JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
CMAKE   = cmake -G Ninja -S .

.PHONY: all deps test clean

all: $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)

$(BUILD)/build.ninja:
	@$(CMAKE) -B $(BUILD) -DCMAKE_INSTALL_PREFIX=$(PREFIX) $(FLAGS)

deps:
	@scripts/deps.sh

test: deps all
	@ctest --test-dir $(BUILD) --output-on-failure -j $(JOBS)

clean:
	rm -rf build
