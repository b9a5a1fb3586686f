# make run    a node with a demo stream: open http://localhost:8080/
# make test   everything that CI runs
# make check  what to run before a commit
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null)
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.9.0
FUZZTIME ?= 20s
BENCH    ?= .
OUT      ?=
MINUTES  ?= 30
MBITS    ?= 2.5
PPM      ?= 200
MODE     ?= half-second
ARGS     ?= --demo

.PHONY: run build deps test test-go test-race test-plain test-beside test-web test-browser web check lint bench obs soak drift churn fuzz clean

run: build
	exec bin/millrace serve $(ARGS)

# One static binary. Cgo is off so that it runs on any Linux.
build:
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X millrace/internal/build.version=$(VERSION)' -o bin/millrace ./cmd/millrace

# What the tests need besides Go and Node.js; does nothing when all is there.
deps:
	scripts/install-test-deps

# Go's tests wait a good part of their time: beside them there is room for one more.
# Browsers come last, and alone.
test: deps
	$(MAKE) --no-print-directory -j2 test-race test-beside
	$(MAKE) --no-print-directory test-browser

test-go: test-race test-plain

test-race:
	go vet ./...
	go test -race -timeout 12m $$(go list ./... | grep -v '/$(SOUND)$$')
	go test -race -timeout 12m -skip '$(SILENT)' ./internal/$(SOUND)

# What has nothing for the race detector to see: sound that one goroutine computes,
# which that would make ten times as slow, and tests of a program by its ports.
# SILENT names those tests of sound; any other has the detector.
SOUND  := transcode
SILENT := ^(Test(Beep|LipSync|Speech|Tone|ResamplerSine|ResamplerContinuity|Backwards|Discontinuity|Gap|LostFrame|Undecodable|(Discontinuity|DTX|Gap|Late|Loss|Speech|StoppedSound|Timing|Tone)ToAAC)|FuzzOpusDecoder)$$
test-plain:
	go test -timeout 5m ./internal/$(SOUND)
	cd test/openapi && go vet ./... && go test -timeout 5m ./...
	cd test/acme && go vet ./... && go test -timeout 5m ./...

test-beside: test-plain
	$(MAKE) --no-print-directory test-web

# The built pages are committed: they must be what the sources give.
test-web: deps
	cd web && npm run --silent check && npm test --silent && npm run --silent build -- --logLevel warn --outDir ../bin/dist
	@diff -r bin/dist internal/console/dist || { echo "internal/console/dist is not what web/ builds; run 'make web' and commit"; exit 1; }
	@[[ -z $$(git status --porcelain -- internal/console/dist) ]] || { echo "internal/console/dist is built, but not committed"; exit 1; }

test-browser: deps build
	cd test/browser && npm test --silent

# Builds the pages anew, to be committed.
web: deps
	cd web && npm run build

# Linting is part of this where `make lint` has installed the linter: building
# it takes minutes.
check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [[ -n $$unformatted ]]; then echo "not gofmt'ed:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go test ./internal
	@if [[ -x bin/golangci-lint ]]; then bin/golangci-lint run ./...; else echo "bin/golangci-lint is not there; make lint installs and runs it"; fi

lint:
	@[[ -x bin/golangci-lint ]] || GOBIN=$(CURDIR)/bin go install $(GOLANGCI)
	bin/golangci-lint run ./...

# Measures all of bench/results.md anew, in half an hour at most; the machine
# should have nothing else to do. make bench BENCH='^load|join' prints those parts;
# OUT=file writes that file instead.
bench: deps build
	node bench/run.mjs '$(BENCH)' '$(OUT)'

# OBS itself, without a screen, publishes over RTMP. It wants Debian's packages
# obs-studio and xvfb, which make deps leaves out for their size.
obs:
	go test -tags obs -count 1 -run TestOBS ./internal/node

# Twice half an hour.
soak: drift churn

# Publishers whose clocks run 200 ppm fast and slow.
drift: deps build
	node bench/soak.mjs $(MINUTES) $(PPM) $(MODE)

# Viewers that come and go.
churn: deps build
	node bench/churn.mjs $(MINUTES) $(MBITS) $(OUT)

# Every fuzz target for FUZZTIME each. Inputs that are new are hardly made smaller:
# by default that may take a minute for each, and nothing else is tried meanwhile.
fuzz:
	@grep -rHoE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' internal | sed 's/:func / /' | sort -u | while read -r file target; do \
		echo "== $$(dirname $$file) $$target"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$file) </dev/null; done

clean:
	rm -rf bin test-results
