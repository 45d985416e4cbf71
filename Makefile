# What can be done here: make demo | test | check | race | chaos | converge | kill-every-step | sigkill | crash | sim | pairs | bench | fuzz | test-deps
#
#   make demo FILE=/path/to/any/file    sends that file instead of the demo binary
#   make fuzz T=60s                     fuzzes every parser for that long
#   make sim SEEDS=100                  simulates so many storms instead of 1000

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

FILE ?=
T ?= 10s
SEEDS ?= 1000

# The packages in which goroutines meet. The rules in rendezvous/ and messages/
# have none, and a test sees to that.
CONCURRENT := . ./supervision/... ./transport/... ./actors/... ./cmd/...

.PHONY: demo test check race chaos converge kill-every-step sigkill crash sim pairs bench fuzz test-deps

demo:
	go run ./cmd/waymeet demo $(if $(FILE),--file "$(FILE)")

test: test-deps
	go test -json ./... | go -C tools run ./testsum
	go -C tools test ./...

check:
	@unformatted="$$(gofmt -l .)"; if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	go build ./...
	go vet ./...
	go tool -modfile=tools/go.mod staticcheck ./...
	go test -run '^TestHouse' .

race: test-deps
	go test -race -short -json $(CONCURRENT) | go -C tools run ./testsum

# Every actor of a node killed in turn, a hundred a second for a minute, while
# streams run between it and two peers: real sockets, real processes. The last
# line is the result; make test takes a short storm, which measures nothing.
chaos:
	@go test -count=1 -v -run '^TestStorm$$' -timeout 15m ./cmd/waymeet -args -long | \
	  awk '/^chaos: / { last = $$0; next } { print; fflush() } END { print last }'

# Two nodes write 50 000 facts each into one context while the link between them
# is cut and their JournalSyncActors are killed: the same facts at both in the
# end. The last line is the result; make test takes 500 each.
converge:
	@go test -count=1 -v -run '^TestConverge$$' -timeout 30m ./cmd/waymeet -args -long | \
	  awk '/^converge: / { last = $$0; next } { print; fflush() } END { print last }'

# Every actor killed at every step of establishing a channel, in virtual time;
# make test takes a sample of the steps.
kill-every-step:
	go test -count=1 -v -run '^TestKillEveryActorAtEveryStep$$' -timeout 30m ./actors -args -long

# Whole processes killed at 200 moments under traffic; make test takes 10.
sigkill:
	go test -count=1 -v -run '^TestSIGKILLLosesNothing$$' -timeout 30m . -args -kills 200

# A writer that is killed 200 times, a disk that loses power after each of its
# operations, writes and syncs that fail, and bits of its files that change: no
# acknowledged fact is lost, and no wrong byte read. make test takes a sample.
crash:
	@go test -count=1 -v -timeout 15m ./internal/crash -args -long | \
	  awk '/^crash: kills=/ { last = $$0; next } { print; fflush() } END { print last }'

# Whole nodes in virtual time, everything in them killed: a million deaths over
# a thousand seeds, every seed twice. make test takes a sample of the seeds.
sim:
	@go test -count=1 -v -run '^TestStorms$$' -timeout 60m ./actors/actorstest -args -seeds $(SEEDS) | \
	  awk '/^sim: seeds=/ { last = $$0; next } { print; fflush() } END { print last }'

# Two members make their channel while somebody dies at every single point, and
# at every pair of the first 300. make test takes a sample of the pairs.
pairs:
	@go test -count=1 -v -run '^TestEveryPairOfKills$$' -timeout 60m ./actors/actorstest -args -every-pair | \
	  awk '/^pairs: points=/ { last = $$0; next } { print; fflush() } END { print last }'

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Every parser in turn; one that fails stops none of the others. The last line is
# the result; make test runs the committed corpus.
fuzz:
	@bash .ci/fuzz $(T)

# The race detector needs a C compiler; nothing else needs more than Go.
test-deps:
	@if ! command -v "$$(go env CC)" >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev; \
	  else \
	    echo "test-deps: no C compiler here: make race will not work until one is installed"; \
	  fi; \
	fi
