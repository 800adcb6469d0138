# socle: `make run` runs the agent on this host, `make test` passes the tests.
# Both need a Rust toolchain; what else they need they install when run as root on Debian,
# otherwise they print the one line that does.

SOCLE_BIN ?= target/release

.PHONY: run test test-long package bench fuzz

run:
	@hw-tests/lib/need run
	cargo build --release --locked
	@exec target/release/socle run $(ARGS)

test:
	@hw-tests/test short

test-long:
	@hw-tests/test long

package:
	@hw-tests/lib/need package
	packaging/build

bench:
	@hw-tests/lib/need bench
	hw-tests/bench/run
