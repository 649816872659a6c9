# What is done with this repository. Nothing but Go is needed; the linter is fetched into .bin.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build test race bench lint cross clean

# Arguments for `make run`, such as ARGS="spike-equal-patience --seeds 5".
ARGS ?=
# The version that a release carries.
VERSION ?=
# Packages of `make test`, `make race` and `make bench`.
PKG ?= ./...

# Packages whose tests drive real sockets by the clock, the manual's among them: they run one after the
# other, when nothing else does, for on a busy machine they would measure the machine.
TIMED := /internal/(harness|serve)$$|/headroom-dev/headroom$$
inturn = { go test $(1) -json $$(go list $(PKG) | grep -vE '$(TIMED)' || echo ./fixtures) || true; \
	go test $(1) -json -p 1 $$(go list $(PKG) | grep -E '$(TIMED)' || echo ./fixtures) || true; } | go run ./internal/testlog

STATICCHECK := .bin/staticcheck-v0.8.2
LINK := -s -w $(if $(VERSION),-X github.com/headroom-dev/headroom/internal/cli.release=$(VERSION))
# Modules inside this one, which ./... does not enter.
NESTED := $(patsubst %/go.mod,%,$(wildcard */go.mod */*/go.mod */*/*/go.mod))

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

run: ## replay the default spike against the simulated service
	go run . run $(ARGS)

build: ## the program, ./headroom
	go build -trimpath -ldflags "$(LINK)" -o headroom .

test: ## vet and every test; ends with what was skipped and why
	go vet $(PKG)
	@$(call inturn,)
	@for dir in $(NESTED); do echo "module $$dir"; (cd "$$dir" && go vet ./... && go test ./...); done

race: ## every test under the race detector
	@$(call inturn,-race)

bench: ## the benchmarks, with allocations
	go test -run '^$$' -bench . -benchmem $(PKG)

lint: $(STATICCHECK) ## gofmt, vet and staticcheck
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted by gofmt:"; echo "$$bad"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...

$(STATICCHECK):
	GOBIN="$(CURDIR)/.bin" go install honnef.co/go/tools/cmd/staticcheck@v0.8.2
	mv .bin/staticcheck $@

cross: ## build for the other systems
	GOOS=darwin GOARCH=arm64 go build -o /dev/null .
	GOOS=windows GOARCH=amd64 go build -o /dev/null .

clean: ## take away what was built
	rm -rf headroom headroom.exe .bin
