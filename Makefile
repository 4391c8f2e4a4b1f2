# One line each; anything with logic is in scripts/ or in xtask. Extra arguments go into ARGS:
# make run ARGS='--listen 0.0.0.0:8000'

.PHONY: run assets test check light bench bench-peers

run: # build the release binary and start it
	@scripts/need.sh rust cc && scripts/assets.sh && cargo run --release --locked -p server --bin hedgerow -- serve $(ARGS)

assets: # fetch the browser library that is built into the program; npm is needed for it
	@scripts/assets.sh

test: # everything CI runs
	@scripts/test.sh

check: # before a push: format, house rules, clippy, tests of the light crates
	@scripts/test.sh quick

light: # only the tests of crates without Arrow and DataFusion
	@scripts/test.sh light

bench: # throughput against a bare floor, lag, memory, start-up, size
	@scripts/bench.sh $(ARGS)

bench-peers: # the same questions to Hedgerow, ClickHouse and DuckDB; ARGS='--rows 1000000 --keep'
	@scripts/bench-peers.sh $(ARGS)
