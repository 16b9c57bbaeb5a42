# Everything here works on a fresh Debian 12 with Go and make, as root or not;
# what is missing is installed or named. `make` lists the targets.

SHELL := /bin/bash
GO ?= go
# Outside of a git work tree, or without git, the version says so.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
STAMP := -X gitea.dideric.is/didericis/bot-bottle/cmd/internal/cli.Version=$(VERSION)
# The commit goes into the program where git can tell it.
VCS := $(if $(shell git rev-parse HEAD 2>/dev/null),true,false)
# Seconds that each fuzz target gets.
FUZZ ?= 10

.PHONY: help build test bench demo lint fuzz clean

help: ## List the targets
	@echo 'targets:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' $(MAKEFILE_LIST)

build: ## Build ./bot-bottle, one static program
	@. cmd/dev/bring.sh; certificates || true
	@GO=$(GO) cmd/dev/guest.sh
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=$(VCS) -ldflags '-s -w $(STAMP)' -o bot-bottle ./cmd/bot-bottle

test: ## Run every test under the race detector, on real engines
	@cmd/dev/test.sh

bench: build ## Measure list, append, start, stop and resume against their bars
	@cmd/dev/bench.sh

demo: build ## Play a bottle's life on real engines, a crash included
	@cmd/dev/demo.sh

lint: ## Run gofmt, vet, staticcheck, govulncheck and the import law
	@cmd/dev/lint.sh

fuzz: ## Fuzz every decoder for FUZZ=10 seconds
	@cmd/dev/fuzz.sh $(FUZZ)

clean: ## Remove what the other targets built
	rm -f bot-bottle backends/guest/programs/*.{gz,sha256}
