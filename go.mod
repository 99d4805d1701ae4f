module github.com/sockerless/sockerless

go 1.26
