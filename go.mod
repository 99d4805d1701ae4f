module github.com/sockerless/sockerless

go 1.26

require (
	github.com/benhoyt/goawk v1.29.1
	github.com/klauspost/compress v1.20.3
	github.com/tetratelabs/wazero v1.12.0
)

require golang.org/x/sys v0.44.0
