# The commands of CONTRIBUTING.md. Everything works with plain go commands too.

.PHONY: run test short long lint golden man pictures fuzz ci

run: ## the program
	go run ./cmd/workshop

test: ## everything, with deployments into the sandbox: some minutes
	go test ./...

short: ## what needs no Terraform: about a minute
	go test -short ./...

long: ## kills, lost states, refused requests, the whole course: an hour
	WORKSHOP_LONG=1 go test -timeout 90m ./internal/sandbox/conformance ./cmd/workshop

lint: ## what .ci/run says about the code
	go vet ./...
	go tool staticcheck ./...
	go run $(shell sed -n 's/^golangci=//p' .ci/run) run ./...

golden: ## write the golden frames and docs/keys.md anew; look at the difference
	go test ./internal/tui -update

man: ## write docs/man anew
	go test ./cmd/workshop -run TestManualPages -update

pictures: ## draw the pictures of the steps anew
	go generate ./steps

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME
	@for pkg in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$f"; \
			go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

ci: ## what must hold for every commit
	.ci/run
