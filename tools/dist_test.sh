#!/usr/bin/env bash
# Install what `make dist` built, wheel and sdist, each into an empty environment, and run
# tests there: tools/dist_test.sh TESTS. The tests are the sdist's; its own copy of the
# package is removed, so that only the installed one can be imported.
set -euo pipefail
cd "$(dirname "$0")/.."
DIST="$PWD/dist"
FOLDER="$(mktemp -d)"
trap 'rm -rf "$FOLDER"' EXIT
for built in "$DIST"/*.whl "$DIST"/*.tar.gz; do
  echo "== ${built##*/}"
  mkdir "$FOLDER/source"
  tar -xzf "$DIST"/*.tar.gz -C "$FOLDER/source" --strip-components 1
  rm -r "$FOLDER/source/sk_entity"
  cd "$FOLDER/source"
  "${PYTHON:-python3}" -m venv "$FOLDER/venv"
  python="$FOLDER/venv/bin/python"
  "$python" -m pip install -q --upgrade "pip>=25.1"
  "$python" -m pip install -q -c constraints.txt --group test --group lint "${built}[train]"
  "$python" -m pip check
  "$python" -m pytest -q -n 2 "$@"
  rm -rf "$FOLDER/source" "$FOLDER/venv"
done
