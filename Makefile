# Everything is built with the Go toolchain alone; `make` needs nothing else.
export CGO_ENABLED = 0

VERSION   ?= 0.1.0-dev
BUSYBOX   := sandbox/userland/embedded/busybox.wasm
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RUN_DIR   ?= $(CURDIR)/.run
SOCKET    ?= $(RUN_DIR)/sockerless.sock
NFPM      := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4
CYCLONEDX := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.9.0
ARCH      ?= $(shell go env GOARCH)
DIST      := dist/$(ARCH)
DESTDIR   ?=
PREFIX    ?= /usr
# The time that all files of a package have: the same commit gives the same bytes.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
RACE_PKGS := ./sandbox/kernel/... ./sandbox/vfs/... ./sandbox/vnet/... ./sandbox/wasm/... ./daemon/...

.PHONY: build run test test-race test-arm64 test-systemd lint bench clean userland package-files deb rpm install release

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
	GOARCH=arm64 go test -short -exec qemu-aarch64-static ./sandbox/wasm/internal/rewrite
	GOARCH=arm64 go test -short -exec qemu-aarch64-static -run 'Fault|Trap|Reset|Page|Deep' ./sandbox/wasm

lint:
	@fmt=$$(git ls-files "*.go" | xargs gofmt -l); [ -z "$$fmt" ] || { echo "gofmt: $$fmt"; exit 1; }
	go vet ./...
	GOOS=wasip1 GOARCH=wasm go vet ./sandbox/abi ./sandbox/userland/...
	go run $(STATICCHECK) ./...

bench: build
	go test -run '^$$' -bench . -benchmem ./...

# What the packages hold besides files of this tree, in $(DIST).
package-files: userland
	mkdir -p $(DIST)/completion
	GOARCH=$(ARCH) go build -trimpath -ldflags "-s -w -X github.com/sockerless/sockerless/daemon.version=$(VERSION)" -o $(DIST)/sockerlessd ./cmd/sockerlessd
	gzip -9nc packaging/sockerlessd.8 >$(DIST)/sockerlessd.8.gz
	go run ./packaging/notices $(DIST)/sockerlessd >$(DIST)/copyright
	for shell in bash zsh fish; do go run ./cmd/sockerlessd completion $$shell >$(DIST)/completion/$$shell || exit 1; done

deb rpm: package-files
	PACKAGE_ARCH=$(ARCH) BUILD=$(DIST) VERSION=$(VERSION) \
		go run $(NFPM) package --config packaging/nfpm.yaml --packager $@ --target dist/

# The same files without a package manager. packaging/scripts/postinstall.sh shows what is left to do.
install: package-files
	install -Dm755 $(DIST)/sockerlessd $(DESTDIR)$(PREFIX)/bin/sockerlessd
	install -Dm644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system systemd/sockerless.service systemd/sockerless.socket
	install -Dm644 -t $(DESTDIR)$(PREFIX)/lib/systemd/user systemd/user/sockerless.service systemd/user/sockerless.socket
	install -Dm644 systemd/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/sockerless.conf
	install -Dm644 -t $(DESTDIR)$(PREFIX)/share/man/man8 $(DIST)/sockerlessd.8.gz
	install -Dm644 $(DIST)/completion/bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sockerlessd
	install -Dm644 $(DIST)/completion/zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_sockerlessd
	install -Dm644 $(DIST)/completion/fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/sockerlessd.fish
	install -Dm644 $(DIST)/copyright $(DESTDIR)$(PREFIX)/share/doc/sockerless/copyright
	[ -e $(DESTDIR)/etc/sockerless/daemon.json ] || install -Dm644 packaging/daemon.json $(DESTDIR)/etc/sockerless/daemon.json

# What a release page holds, for both architectures: packages, a tarball with the static binary, an SBOM, checksums.
release:
	rm -rf dist
	for arch in amd64 arm64; do \
		$(MAKE) deb rpm ARCH=$$arch && \
		$(MAKE) install ARCH=$$arch DESTDIR=$(CURDIR)/dist/$$arch/root && \
		tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@$(SOURCE_DATE_EPOCH) -C dist/$$arch/root -c . | \
			gzip -9n >dist/sockerless-$(VERSION)-linux-$$arch.tar.gz && \
		go run $(CYCLONEDX) bin -json -noserial -output dist/sockerless-$(VERSION)-linux-$$arch.cdx.json dist/$$arch/sockerlessd && \
		rm -r dist/$$arch || exit 1; \
	done
	cd dist && sha256sum * >SHA256SUMS

test-systemd: deb rpm
	packaging/test/systemd dist

clean:
	rm -rf bin dist $(RUN_DIR) $(BUSYBOX)
