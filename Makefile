# Run `make` for the list of commands.

# Make tells small letters from capitals, and would deploy dev.
ifeq ($(origin stack),command line)
$(error stack=$(stack): want STACK=$(stack), in capitals)
endif
STACK ?= dev
VERSION ?= 0.1.0
BIN   := .build/bin
# With JSON=1 stdout holds one document: builds and progress go to stderr.
FLAGS := --stack $(STACK) $(if $(JSON),--json)

PULUMI_VERSION     := $(shell awk '/pulumi\/pkg\/v3 v/ { print $$2; exit }' tools/pulumi/go.mod)
KUBERNETES_VERSION := $(shell awk '/k8s.io\/kubernetes v/ { print $$2; exit }' tools/controlplane/go.mod)
PROVIDER           := github.com/pulumi/pulumi-kubernetes/provider/v4
PROVIDER_VERSION   := $(shell awk '/pulumi-kubernetes\/provider\/v4 v/ { print $$NF; exit }' tools/kubernetesprovider/go.mod)

# The modules with tests and code of their own; tools/ pins other people's.
MODULES := . sandbox refresher fleet tools/build tools/preflight tools/controlplane tools/alerts

COMMA := ,

BUILD := go run -C tools/build . -C

# Without optimizations and debug information the program is built in two thirds of the time.
QUICK := -gcflags 'waybill.example/waybill/...=-N -l' -ldflags '-s -w'

.PHONY: help
help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '%s\n' '' Examples: '  make up STACK=acme' '  make up JSON=1 | jq .hops' '  make serve STACK=initech' \
		'  make mutants ONLY=irsa' '  make image IMAGE=registry.example.com/refresher:0.1.0'

# What keeps this machine from running the stack's sandbox is said before
# anything is built.
.PHONY: up preview down reset serve preflight
preflight:
	@check=$$(mktemp) && go build -C tools/preflight -o "$$check" . && "$$check" --stack "$(STACK)" $(if $(JSON),--json); \
		status=$$?; rm -f "$$check"; exit $$status
up: preflight tools ## deploy STACK (default: dev) to the sandbox; JSON=1 prints a document
	@$(BIN)/sandbox up $(FLAGS)
preview: preflight tools ## show what make up would change
	@$(BIN)/sandbox preview $(FLAGS)
down: preflight tools ## delete what make up created
	@$(BIN)/sandbox down $(FLAGS)
reset: preflight build ## delete the state of STACK's sandbox, and keep the builds
	@$(BIN)/sandbox reset $(FLAGS)
serve: preflight tools ## keep the sandbox running, and print the environment for other clients
	@$(BIN)/sandbox serve $(FLAGS)

.PHONY: diagram figures bench
diagram: preflight tools ## print the deployed chain of STACK as Mermaid
	@$(BIN)/sandbox diagram $(FLAGS)
figures: preflight tools ## measure reliability; JSON=1 prints a document
	@go run -C sandbox ./cmd/figures --root .. $(if $(JSON),--json)
bench: ## measure how an update grows with its environments, as ratios
	@go test ./tests -run '^$$' -bench . -benchtime 3x

.PHONY: mutants
mutants: preflight tools ## break the program one line at a time, and print what noticed; ONLY=REGEXP selects some
	@$(BIN)/sandbox mutants $(if $(ONLY),--only '$(ONLY)') $(if $(JSON),--json)

.PHONY: tools build
# Pulumi's own tools are built only where none is installed that is new enough.
tools: $(BIN)/controlplane build
	@for tool in pulumi pulumi-resource-kubernetes; do \
		$(BIN)/sandbox installed $$tool || $(MAKE) -s --no-print-directory $(BIN)/$$tool || exit 1; \
	done
build: .build/refresher-image ## build the program, the refresher's image and the sandbox
	@echo "· building the program and the sandbox" >&2
	@go build $(QUICK) -o $(BIN)/waybill . >&2
	@go build -C sandbox -o ../$(BIN)/sandbox ./cmd/sandbox >&2

.PHONY: fleet
fleet: ## build .build/bin/fleet, for many customers' stacks (docs/fleet.md)
	@echo "· building the fleet" >&2
	@go build -C fleet -o ../$(BIN)/fleet ./cmd/fleet >&2

# The refresher's image as an OCI layout, for this machine's platform.
.build/refresher-image: $(shell find refresher -name '*.go' -not -name '*_test.go') refresher/go.mod refresher/go.sum
	@echo "· building the refresher's image" >&2
	@rm -rf $@
	@go run -C refresher ./cmd/image --version $(VERSION) --platforms linux/$$(go env GOARCH) --output ../$@ >&2
	@touch $@

# Built once from their own modules; only a new version builds them again.
$(BIN)/pulumi: tools/pulumi/go.mod tools/pulumi/go.sum
	@$(BUILD) ../pulumi -name "Pulumi CLI $(PULUMI_VERSION)" -o ../../$@ \
		-ldflags "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)" \
		github.com/pulumi/pulumi/pkg/v3/cmd/pulumi >&2
$(BIN)/controlplane: tools/controlplane/go.mod tools/controlplane/go.sum $(wildcard tools/controlplane/*.go)
	@$(BUILD) ../controlplane -name "Kubernetes $(KUBERNETES_VERSION)" -o ../../$@ \
		-ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$(KUBERNETES_VERSION)" . >&2
$(BIN)/pulumi-resource-kubernetes: tools/kubernetesprovider/go.mod tools/kubernetesprovider/go.sum tools/kubernetesprovider/main.go
	@folder=$$(go list -C $(<D) -f '{{ .Module.Dir }}' $(PROVIDER)/pkg/version) && \
		install -m 644 "$$folder/cmd/pulumi-resource-kubernetes/schema.json" $(<D)/schema.json
	@$(BUILD) ../kubernetesprovider -name "Kubernetes provider $(PROVIDER_VERSION)" -o ../../$@ \
		-ldflags "-s -w -X $(PROVIDER)/pkg/version.Version=$(PROVIDER_VERSION)" . >&2
$(BIN)/golangci-lint $(BIN)/shfmt: tools/lint/go.mod tools/lint/go.sum
	@$(BUILD) ../lint -name golangci-lint -o ../../$(BIN)/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint >&2
	@go build -C tools/lint -o ../../$(BIN)/shfmt mvdan.cc/sh/v3/cmd/shfmt >&2
$(BIN)/actionlint $(BIN)/govulncheck: tools/workflows/go.mod tools/workflows/go.sum
	@go build -C tools/workflows -o ../../$(BIN)/ github.com/rhysd/actionlint/cmd/actionlint golang.org/x/vuln/cmd/govulncheck >&2

# Runs a command in every module, $$module in it, and fails if one fails; with
# JSON=1 what it prints goes to stderr, and one document says how each ended.
define in-modules
	@ok=true; report=; for module in $(MODULES); do \
		echo "· $(1) $$module" >&2; \
		if $(2) $(if $(JSON),>&2); then one=true; else one=false; ok=false; fi; \
		report="$$report,{\"module\":\"$$module\",\"ok\":$$one}"; \
	done; \
	$(if $(JSON),echo "{\"modules\":[$${report#$(COMMA)}]$(COMMA)\"ok\":$$ok}";) $$ok
endef

.PHONY: test
test: tools ## run every test of every module; without examples/, all but the tests of the examples
	$(call in-modules,testing,go test -C $$module -count 1 -timeout 60m -parallel 4 $(if $(wildcard examples),,-skip ^TestExample) ./...)

SCRIPTS := .ci/run tools/program $(wildcard tools/ci/*)

.PHONY: lint
lint: $(BIN)/golangci-lint $(BIN)/shfmt $(BIN)/actionlint ## run vet, golangci-lint, formatting, shellcheck, actionlint
	$(call in-modules,linting,(cd $$module && "$(CURDIR)/$(BIN)/golangci-lint" run --config "$(CURDIR)/.golangci.yml" ./...))
	@$(BIN)/shfmt -d $(SCRIPTS) >&2
	@command -v shellcheck >/dev/null || { echo "lint: want shellcheck on PATH (Debian: apt-get install shellcheck)" >&2; exit 1; }
	@shellcheck $(SCRIPTS) >&2
	@$(BIN)/actionlint >&2

.PHONY: scan
scan: $(BIN)/govulncheck ## list known vulnerabilities that the modules' code reaches
	$(call in-modules,scanning,"$(CURDIR)/$(BIN)/govulncheck" -C $$module ./...)

.PHONY: image
image: ## build the refresher's image, VERSION (default: 0.1.0), and push it to IMAGE=host/path:tag
	@go run -C refresher ./cmd/image --version $(VERSION) $(if $(IMAGE),--push $(IMAGE),--output ../.build/refresher-image)

.PHONY: clean
clean: ## delete the builds and every sandbox's state
	rm -rf .build .sandbox
