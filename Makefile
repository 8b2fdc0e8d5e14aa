# make build     bin/gupscope: one binary with the WASM, the pages' assets and the scenarios inside
# make run       build it, and start it on a loopback address that it prints (ADDR=127.0.0.1:8080 DATA=data)
# make test      everything that must hold; installs Chromium where it is missing
# make deep      the ways to prove a scenario, held against each other in four times as many states as make test does; every two parties on every kernel; all verdicts and the whole corpus in WASM (minutes)
# make bench     figures: the checker beside Spin, native and in WASM; a step with its rendering; the page's main thread while a check runs (minutes)
# make tour      pictures of a newcomer's way through the page, wide and on a phone, light and dark: bin/tour
# make generate  web/page/*_templ.go, after a change of *.templ
# make fmt       gofmt, templ fmt
# make vendor    static/vendor anew from npm, and tsc's opinion of static/ts; the only target that needs npm

GO     ?= go
ADDR   ?= 127.0.0.1:8080
DATA   ?= data
BENCH_JSON ?= bin/bench.json
BROTLI ?= 11
ESBUILD = $(GO) tool esbuild --target=es2022 --minify --log-level=warning
WASM_PACKAGES = ./core/cell ./core/check ./web/link
# One set of flags for all: what is compiled for the page is what the tests in WASM need.
export GOFLAGS := -buildvcs=false -trimpath

.PHONY: build assets run test deep chromium check-format check-generated check-modules check-vendor unit wasm-test bench tour generate fmt vendor clean

build: assets
	$(GO) build -o bin/gupscope ./cmd/server

# Chunks are named by esbuild, because scripts name each other; the rest by static/pack.
# Brotli at its best takes minutes for the WASM: make build, which is what one deploys, does that; who runs it here does without.
assets:
	@set -e; dir="$$(mktemp -d)"; trap 'rm -rf "$$dir"' EXIT; echo "building the assets"; \
	GOOS=js GOARCH=wasm $(GO) build -ldflags='-s -w' -o "$$dir/gupscope.wasm" ./wasm; \
	$(ESBUILD) static/ts/page.ts --bundle --splitting --format=esm --chunk-names=[name].[hash] --outdir="$$dir"; \
	$(ESBUILD) static/ts/core.ts static/ts/embed.ts static/ts/file.ts static/ts/sw.ts --bundle --format=iife --outdir="$$dir" \
		--alias:wasm_exec="$$($(GO) env GOROOT)/lib/wasm/wasm_exec.js"; \
	$(ESBUILD) static/css/page.css --bundle --outdir="$$dir"; \
	cp static/icon.svg "$$dir/"; \
	BROTLI=$(BROTLI) $(GO) run ./static/pack "$$dir" static/built

run: BROTLI = 5
run: build
	bin/gupscope serve --addr $(ADDR) --data $(DATA)

# Tests make much garbage, and need little memory beside it. Those of the page wait most of the time: WASM is tested meanwhile.
test: export GOGC = 1000
test: export GOMEMLIMIT = 3GiB
test: BROTLI = 5
test: chromium check-format check-generated check-modules check-vendor assets
	$(GO) vet ./...
	$(MAKE) --no-print-directory wasm-test & wasm=$$!; \
	GUPSCOPE_TEST_ALL=1 $(GO) test -vet=off -timeout 40m ./...; native=$$?; \
	wait $$wasm && exit $$native

# All ways to prove each scenario, in four times as many states; every two parties at one page, on every kernel; and all verdicts, and what real kernels did, in WASM, too (minutes): before a release, and after changes of core/check.
deep:
	$(GO) test -timeout 1h -run TestExpectations ./core/verdict -deep
	$(GO) test -timeout 1h -run TestTwoActors ./core/claim -every-pair
	$(WASM_TEST) -timeout 2h -run TestVerdictsEverywhere ./core/verdict -deep
	$(WASM_TEST) -timeout 2h ./core/replay

# Browser tests drive a real browser. Debian's package is the one that they are made for.
chromium:
	@command -v chromium >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || { \
			echo 'Chromium is missing. Install it, for example: sudo apt-get update && sudo apt-get install --no-install-recommends chromium' >&2; exit 1; }; \
		apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium; }

check-format:
	@bad="$$(gofmt -l cmd core scenarios static/*.go static/pack wasm web)"; \
		[ -z "$$bad" ] || { echo "not formatted (make fmt): $$bad" >&2; exit 1; }

# What make generate would write is what is committed.
check-generated:
	@rm -rf bin/_generated && mkdir -p bin/_generated/old && cp web/page/*_templ.go bin/_generated/old/
	@$(MAKE) --no-print-directory generate >/dev/null 2>&1 || { $(MAKE) generate; exit 1; }
	@for f in bin/_generated/old/*; do cmp -s $$f web/page/$${f##*/} || { \
		echo "web/page/$${f##*/} is not what its .templ makes: make generate" >&2; exit 1; }; done

check-modules:
	$(GO) mod tidy -diff

check-vendor:
	@cd static/vendor && sha256sum --quiet -c SHA256SUMS

# Under node where there is one, else in Chromium.
WASM_EXEC = "$$(if command -v node >/dev/null; then echo "$$($(GO) env GOROOT)/lib/wasm/go_js_wasm_exec"; \
	else $(GO) build -o bin/chromium-exec ./wasm/chromium && echo "$$PWD/bin/chromium-exec"; fi)"
WASM_TEST = GOOS=js GOARCH=wasm $(GO) test -vet=off -timeout 20m -exec=$(WASM_EXEC)

# The same tests in WASM. The hashes are those on record, so a run is the same here and there after every step; so are verdicts and numbers of states. Of sessions, which
# a tab has for itself, all tests but those that go through the whole gallery or through thousands of steps: there they take minutes.
OF_THE_GALLERY = TestGallery|TestFragmentsArriveAtThePage|TestFramesAreThePage|TestTraceEvents|TestSVGIsXML|TestMermaid|TestASCIIFitsAMail|FuzzDo|TestIDsAreUnique|TestAccountFollowsTheCursor
OF_LONG_RUNS = TestFragmentsOfALongRun|TestStepBytesDoNotGrow|TestFileOfALongRun
wasm-test:
	@$(WASM_TEST) -short $(WASM_PACKAGES)
	@$(WASM_TEST) -short -run 'TestHashes|TestWalk|TestVerdictsEverywhere' ./core/verdict
	@$(WASM_TEST) -short -run 'TestReplay|TestBranch|TestDamaged|TestRefused|TestFindCycle|TestThirdPerson' ./core/trace
	@$(WASM_TEST) -short -skip '$(OF_THE_GALLERY)|$(OF_LONG_RUNS)' ./web/session

bench: assets
	$(GO) run ./core/check/gupbench/figures -json $(BENCH_JSON)
	@echo "a step with its rendering, native and in WASM, in runs of so many steps"
	@$(GO) test -run '^$$' -bench . ./web/session >bin/steps-native.txt || { cat bin/steps-native.txt; exit 1; }
	@$(WASM_TEST) -run '^$$' -bench . ./web/session >bin/steps-wasm.txt || { cat bin/steps-wasm.txt; exit 1; }
	@awk '/^Benchmark/ { name = $$1; sub(/^Benchmark/, "", name); sub(/-[0-9]+$$/, "", name); \
		if (FILENAME ~ /native/) { order[++n] = name; native[name] = $$3 } else wasm[name] = $$3 } \
		END { printf "%-16s %12s %12s %8s\n", "", "native", "WASM", "times"; for (i = 1; i <= n; i++) { b = order[i]; \
		printf "%-16s %9.0f µs %9.0f µs %8.1f\n", b, native[b] / 1000, wasm[b] / 1000, wasm[b] / native[b] } }' bin/steps-native.txt bin/steps-wasm.txt
	$(GO) build -o bin/gupscope ./cmd/server
	@echo "gupscope matrix: every scenario on every kernel (goal: under 5 minutes on two cores)"
	@bash -c 'TIMEFORMAT="%R s by the clock, %U s of CPU"; time bin/gupscope matrix >bin/matrix.txt'
	$(GO) test -run '^$$' -bench MainThread -benchtime 3x ./cmd/server

tour: BROTLI = 5
tour: chromium assets
	@mkdir -p bin/tour && rm -f bin/tour/*.png
	GUPSCOPE_TEST_ALL=1 GUPSCOPE_SHOTS="$$PWD/bin/tour" $(GO) test -count=1 -run TestTour ./cmd/server

generate:
	$(GO) tool templ generate -path web/page

fmt:
	gofmt -w cmd core scenarios static/*.go static/pack wasm web
	$(GO) tool templ fmt web/page

BUNDLE = $(GO) tool esbuild --bundle --format=esm --target=es2022 --minify --legal-comments=none --log-level=warning

vendor:
	cd static/vendor && npm ci --no-audit --no-fund
	cd static/vendor && node_modules/.bin/tsc -p ../ts
	cd static/vendor && $(BUNDLE) editor.entry.ts --outfile=editor.js && $(BUNDLE) morph.entry.ts --outfile=morph.js
	cd static/vendor && cp node_modules/axe-core/axe.min.js axe.min.js
	cd static/vendor && for p in $$(ls -d node_modules/@codemirror/* node_modules/@lezer/* node_modules/@marijn/* \
			node_modules/crelt node_modules/style-mod node_modules/w3c-keyname node_modules/idiomorph node_modules/axe-core); do \
		echo "== $${p#node_modules/} $$(sed -n 's/^  "version": "\(.*\)",\{0,1\}$$/\1/p' $$p/package.json)"; echo; cat $$p/LICENSE*; echo; done > LICENSES.txt
	cd static/vendor && sha256sum editor.js morph.js axe.min.js LICENSES.txt package-lock.json > SHA256SUMS

clean:
	rm -rf bin static/vendor/node_modules
	find static/built -type f ! -name keep -delete
