# Needs nothing but make and a Python >= 3.12: where uv is missing it goes into .tools, and makes the rest.

PYTHON ?= python3
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo .tools/bin/uv)
RUN := $(UV) run --quiet
# Many short processes: each imports in a second what is compiled, in several what is not.
export PYTHONDONTWRITEBYTECODE :=
# Two processes of tests: threads of linear algebra would wait for one another.
export OPENBLAS_NUM_THREADS := 1

.PHONY: demo test lint fuzz tables notebooks bars bench calibrate check-models mutants docs site browse bounds artefacts release build setup

demo: setup  ## simulate runs, fit them, write a report and two pictures into demo/
	$(RUN) python notebooks/demo.py

test: setup  ## the whole test suite, README snippets among it; SEED=3 has samplers draw otherwise
	$(if $(SEED),BAYESCALE_TEST_SEED=$(SEED)) $(RUN) pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: setup  ## style and types
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) pyright

fuzz: setup  ## thousands of hostile tables, options, TOML files and saved fits, counted; ONLY="-k toml"
	$(RUN) pytest tests/fuzz --hypothesis-profile=fuzz $(ONLY)

tables: setup  ## read 2,000 generated tables whose truth is known
	BAYESCALE_TABLES=2000 $(RUN) pytest tests/data/test_generated_tables.py

notebooks: setup  ## run every notebook from start to end; ONLY="--drawn 3" draws three by the commit
	$(RUN) python notebooks/run.py $(ONLY)

bars bench: setup  ## measure every claim, print it beside its bar, save benchmarks/results/*.json
	$(RUN) python benchmarks/bars.py $(ONLY)

calibrate: setup  ## every law recovers itself from thirty data sets; LAWS="chinchilla skaling" limits it
	$(RUN) python benchmarks/calibrate.py --workers 2 $(LAWS)

check-models: setup  ## fit every model that changed, published values beside ours; MODELS="kaplan2020" limits it
	$(RUN) python benchmarks/check_models.py $(MODELS)

mutants: setup  ## change 200 lines one by one: do fast tests notice? SEED=2, COUNT=60, ONLY="waic units"
	$(RUN) --with cosmic-ray==8.7.0 python -W ignore benchmarks/mutants.py --seed $(or $(SEED),1) --count $(or $(COUNT),200) $(if $(AGAIN),--again) $(ONLY)

docs: setup  ## write docs/*.md: laws, models, calibration, extrapolation, families, public names
	$(RUN) python docs/pages.py

site: setup  ## the documentation as a site, in site/; every link, picture and public name is checked
	rm -rf site
	$(RUN) --group docs sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 -d build/doctrees docs site
	rm -rf jupyter_execute
	$(RUN) python docs/check_site.py site

browse: site demo  ## open site and report in Chromium: console, formulas, accessibility; BROWSER=path
	$(RUN) python docs/browse_site.py site \
		--report demo/report.html $(if $(BROWSER),--chromium $(BROWSER))

build: setup  ## wheel and sdist in dist/
	$(UV) build --quiet

bounds: setup  ## a fit with the oldest dependencies that are allowed; RESOLUTION=highest for the newest
	cd .ci && $(RUN) --no-project --isolated --resolution $(or $(RESOLUTION),lowest-direct) --with .. python smoke.py

artefacts: setup  ## wheel and sdist in dist/, checked
	rm -rf dist
	$(UV) build --quiet
	$(RUN) --no-project --isolated --with twine twine check --strict dist/*
	$(RUN) --no-project --isolated --with check-wheel-contents check-wheel-contents --ignore W002 dist/*.whl

release: lint test notebooks fuzz site bounds artefacts  ## every gate, then wheel and sdist; nothing is published
	bash .ci/wheel
	(cd dist && sha256sum *.whl *.tar.gz)

setup:
	@$(UV) --version >/dev/null 2>&1 || { $(PYTHON) -m venv .tools && .tools/bin/pip install --quiet uv; }
	@$(UV) sync --quiet
