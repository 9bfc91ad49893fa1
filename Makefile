# Two commands to begin with: make demo, make test.
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build demo test lint fmt bench cover clean

build: ## the binary, in bin/watchtower
	@echo "Building Watchtower. The first build compiles its libraries and takes about 6 minutes on two cores; later ones take seconds."
	go build -ldflags="-s -w" -o bin/watchtower ./cmd/watchtower

demo: build ## a backend that goes viral and breaks, and Watchtower watching it
	bin/watchtower demo

test: ## every test, with what it needs installed first
	scripts/install-test-programs
	go test -race -tags integration -timeout 15m ./...

lint: ## the rules of .golangci.yml
	$(GOLANGCI_LINT) run ./...

fmt: ## write files the way the linter wants them
	$(GOLANGCI_LINT) fmt ./...

bench: ## the figures that docs and commits quote
	go test -run '^$$' -bench . -benchmem ./...

cover: ## which lines no test runs
	go test -coverprofile=cover.out ./... && go tool cover -func=cover.out | tail -n 1

clean:
	rm -rf bin dist cover.out
