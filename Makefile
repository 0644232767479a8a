# fnode-supervisor: the targets a newcomer and CI use. `make` lists them.
SHELL := bash
GO ?= go
export GOFLAGS := -buildvcs=false
BINS := fnode-supervisor fnctl fnode-engine fnode-verify fnodevet
WING ?= all

.PHONY: help build run test check-long lint bench bench-engine bench-kernel bench-lab bench-store npm-check race examples clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: ## static binaries into bin/
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ $(addprefix ./cmd/,$(BINS))

examples: ## npm dependencies of the examples, where npm and a network are there
	@scripts/examples.sh

run: build examples ## build, start the supervisor with the examples, show what to type next
	@scripts/run.sh

test: build ## every test with small seeded counts, and the skips by reason
	@$(GO) test -json -timeout 10m ./... | $(GO) run ./internal/testsum
	@if command -v gcc >/dev/null; then $(GO) test -race -run TestL5ConservationHoldsUnderStress ./actors/host; \
	  else echo "left out: conservation under stress with -race needs gcc (it ran without)"; fi

check-long: build ## the full counts of one wing: make check-long WING=lanes
	@scripts/check-long.sh "$(WING)"

lint: ## gofumpt, vet, staticcheck, fnodevet, and the house rules
	@out=$$($(GO) tool -modfile=tools/go.mod gofumpt -l actors api bench cmd config engineproc internal isolation lab lanes obligations regions spec store supervision); \
	  if [ -n "$$out" ]; then echo "not formatted (run: go tool -modfile=tools/go.mod gofumpt -w .):"; echo "$$out"; exit 1; fi
	$(GO) vet ./... && cd bench && $(GO) vet ./...
	$(GO) tool -modfile=tools/go.mod staticcheck ./...
	@mkdir -p bin && $(GO) build -o bin/fnodevet ./cmd/fnodevet
	$(GO) vet -vettool=$(CURDIR)/bin/fnodevet ./...
	$(GO) test -count=1 ./internal/lint

race: ## the concurrent packages 20 times with -race
	$(GO) test -race -count=20 -timeout 30m ./lanes ./regions ./obligations ./supervision/... ./actors/... ./engineproc/core ./engineproc/wire

bench: build ## the figures of docs/performance.md
	@scripts/bench.sh

bench-engine: bench ## the same: engines are part of it

bench-kernel: ## the kernel beside its peers; QUICK=1 takes 40 s; to bench/kernel.jsonl
	@cd bench && $(GO) run . $(if $(QUICK),-quick) -out kernel.jsonl

bench-lab: ## traces and schedules a second, memory; QUICK=1 takes 40 s; to bench/lab.jsonl
	@$(GO) run ./internal/labbench $(if $(QUICK),-quick) -out bench/lab.jsonl

bench-store: ## durable commits, opening, proofs, beside Badger and the disk; QUICK=1 takes 40 s; to bench/store.jsonl
	@$(GO) run ./internal/storebench $(if $(QUICK),-quick) -dir $(or $(TMPDIR),/tmp) -out bench/store.jsonl

npm-check: ## 130 npm packages against Node's answers
	$(GO) run ./internal/npmcheck

clean: ## binaries and caches
	rm -rf bin .cache
