#!/usr/bin/env bash
# Builds what the chart corpus test needs: the real `helm`, at the version pinned
# in helm/go.mod, and the charts listed in corpus.yaml, taken from the Go modules
# that carry them (see helm/fetch), and `reference`, which asks Helm's libraries for
# what the command does not print.
#
#   build.sh           builds what is missing and prints the folder (last line of stdout)
#   build.sh folder    prints the folder without building
#
#   STRATA_CHARTS="$(tests/charts/build.sh)" cargo test -p strata-tests --test charts
#
# The folder holds `helm`, `reference`, `charts/<id>/` and `versions.env`. Its name is a digest
# of everything that decides its content (variations.yaml does not), so a second call answers at once and an
# old folder is never mistaken for a new one. Needed: Go, and a Go module proxy or
# a filled module cache. STRATA_CHARTS_CACHE moves the cache from
# ~/.cache/strata/charts.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${STRATA_CHARTS_CACHE:-$HOME/.cache/strata/charts}"
command="${1:-build}"
# What is pinned here decides, not what a developer's shell happens to hold.
export GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0

digest() {
  { cat "$here"/build.sh "$here"/corpus.yaml "$here"/helm/go.mod "$here"/helm/go.sum "$here"/helm/*/*.go; go version; } \
    | sha256sum | cut -c1-16
}

version() { (cd "$here/helm" && go list -m -f '{{.Version}}' "$1"); }

build() {
  local helm client minor flags chartutil=helm.sh/helm/v3/pkg
  helm="$(version helm.sh/helm/v3)"
  # As Helm's own makefile does: v0.36.2 of the client is Kubernetes 1.36.
  client="$(version k8s.io/client-go)"
  minor="${client#v0.}"
  minor="${minor%%.*}"
  flags="-s -w -X helm.sh/helm/v3/internal/version.version=$helm -X helm.sh/helm/v3/internal/version.metadata="
  for package in $chartutil/chartutil $chartutil/lint/rules; do
    flags+=" -X $package.k8sVersionMajor=1 -X $package.k8sVersionMinor=$minor"
  done
  (
    cd "$here/helm"
    echo "fetching charts" >&2
    mkdir "$staging/charts"
    nice go run -trimpath ./fetch "$here/corpus.yaml" "$staging/charts"
    echo "building helm $helm" >&2
    nice go build -trimpath -buildvcs=false -ldflags "$flags" -o "$staging/helm" helm.sh/helm/v3/cmd/helm
    nice go build -trimpath -buildvcs=false -ldflags "$flags" -o "$staging/reference" ./reference
  ) >&2
  cat > "$staging/versions.env" <<VERSIONS
HELM_VERSION=$helm
KUBERNETES_VERSION=v1.$minor.0
VERSIONS
}

folder="$cache/$(digest)"
case "$command" in
  folder)
    echo "$folder"
    exit
    ;;
  build) ;;
  *)
    echo "usage: build.sh [build | folder]" >&2
    exit 2
    ;;
esac

if [[ ! -d "$folder" ]]; then
  mkdir -p "$cache"
  # One build at a time; who waited finds it done.
  exec 9> "$cache/lock"
  flock 9
  if [[ ! -d "$folder" ]]; then
    staging="$(mktemp -d "$cache/building.XXXXXX")"
    trap 'rm -rf "$staging"' EXIT
    build
    chmod 755 "$staging"
    # The folder appears whole or not at all.
    mv "$staging" "$folder"
    trap - EXIT
  fi
fi

echo "$folder"
