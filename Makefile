# Everything is built with the Go toolchain alone; `make` needs nothing else.
export CGO_ENABLED = 0

VERSION   ?= 0.1.0-dev
BUSYBOX   := sandbox/userland/embedded/busybox.wasm
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RUN_DIR   ?= $(CURDIR)/.run
SOCKET    ?= $(RUN_DIR)/sockerless.sock
RACE_PKGS := ./sandbox/kernel/... ./sandbox/vfs/... ./sandbox/wasm/... ./daemon/...

.PHONY: build run test test-race test-arm64 lint bench clean userland

build: bin/sockerlessd

bin/sockerlessd: userland FORCE
	go build -trimpath -ldflags "-X github.com/sockerless/sockerless/daemon.version=$(VERSION)" -o $@ ./cmd/sockerlessd

FORCE:

# The container's busybox is a Go program compiled to WebAssembly and embedded into the daemon. The go tool knows what
# is up to date, so this is quick when nothing has changed.
userland:
	go run ./sandbox/userland/build -o $(BUSYBOX)

# Build, start the daemon on a socket of our own, run a few containers through it, and stay.
run: build
	.ci/demo bin/sockerlessd $(RUN_DIR) $(SOCKET)

test: userland
	go test ./...

# The race detector needs cgo.
test-race: userland
	CGO_ENABLED=1 go test -race -short $(RACE_PKGS)

# The WebAssembly engine's code for arm64, run by qemu-aarch64-static (Debian: qemu-user-static).
test-arm64:
	for p in ./sandbox/wasm/internal/rewrite ./sandbox/wasm; do \
		GOARCH=arm64 go test -short -exec qemu-aarch64-static $$p || exit 1; \
	done

lint:
	@fmt=$$(gofmt -l cmd daemon sandbox); [ -z "$$fmt" ] || { echo "gofmt: $$fmt"; exit 1; }
	go vet ./...
	GOOS=wasip1 GOARCH=wasm go vet ./sandbox/abi ./sandbox/userland/...
	go run $(STATICCHECK) ./...

bench: build
	go test -run '^$$' -bench . -benchmem ./...

clean:
	rm -rf bin $(RUN_DIR) $(BUSYBOX)
