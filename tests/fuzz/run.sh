#!/usr/bin/env bash
# Runs the fuzz targets: `tests/fuzz/run.sh [SECONDS|brief [TARGET…]]`, 60 seconds and all of them unless said otherwise.
#
# Each starts from the seeds and from what earlier runs found (`corpus/`, not committed), and fails on a panic, on an input
# that takes more than ten seconds, and beyond 2 GiB of memory. What it fails on is left in `artifacts/`. `brief` is the same
# inputs each time, from the seeds alone: for a check that must not depend on luck.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(template yaml archive pack)

version=0.13.2
tools=${XDG_CACHE_HOME:-$HOME/.cache}/strata/tools
PATH=$tools/bin:$PATH
if ! cargo fuzz --version 2>/dev/null | grep -qF "$version"; then
  cargo install cargo-fuzz --version "$version" --locked --quiet --root "$tools"
fi
# Coverage passes are no stable option of the compiler; without a sanitizer nothing else is asked of a nightly one.
export RUSTC_BOOTSTRAP=1

seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
mkdir -p "$seeds"/{template,yaml,archive,pack}
packs=../../deploy/examples/packs
find "$packs" -path '*/manifests/*' -type f | while read -r file; do
  cp "$file" "$seeds/template/$(echo "$file" | tr / _)"
done
find "$packs" \( -name '*.yaml' -o -name '*.yml' \) | while read -r file; do
  cp "$file" "$seeds/yaml/$(echo "$file" | tr / _)"
done
# Templates of one rule each, and the words of all recorded ones: names of functions and fields.
recorded=../../crates/render/tests/data
number=0
sed -nE 's/^ *"template": "(.*)",?$/\1/p' "$recorded/probes.json" | while read -r template; do
  number=$((number + 1))
  printf '%b' "${template//\\\"/\"}" >"$seeds/template/probe-$number"
done
sed -nE 's/^ *"template": "(.*)",?$/\1/p' "$recorded"/{probes,functions}.json |
  grep -oE '\.?[A-Za-z][A-Za-z0-9]+' | sort -u | sed 's/.*/"&"/' >"$seeds/template.dict"
printf '"%s"\n' '{{' '}}' '{{-' '-}}' '{{ end }}' '{{ else }}' '$' ':=' '|' >>"$seeds/template.dict"
for pack in "$packs"/*/; do
  name=$(basename "$pack")
  { printf 'T'; tar -cf - -C "$packs" "$name"; } >"$seeds/archive/$name.tar"
  tar -czf "$seeds/archive/$name.tgz" -C "$packs" "$name"
  {
    cat "$pack/pack.json"
    for file in values presets schema; do
      printf '\n===\n'
      if [ -f "$pack/$file.yaml" ]; then cat "$pack/$file.yaml"; fi
    done
  } >"$seeds/pack/$name"
done

for target in "${targets[@]}"; do
  printf '== fuzzing %s: %s\n' "$target" "$seconds"
  mkdir -p "corpus/$target"
  dictionary=()
  [ -f "$seeds/$target.dict" ] && dictionary=("-dict=$seeds/$target.dict")
  corpus=corpus/$target
  limits=("-max_total_time=$seconds")
  if [ "$seconds" = brief ]; then
    corpus=$(mktemp -d -p "$seeds")
    limits=(-runs=50000 -seed=1)
  fi
  cargo fuzz run --fuzz-dir . --sanitizer none "$target" "$corpus" "$seeds/$target" -- \
    "${limits[@]}" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 "${dictionary[@]}" \
    2>&1 | grep -vE '^(#[0-9]|"|[[:space:]]*NEW_FUNC|INFO: |###### )' || exit 1
done
