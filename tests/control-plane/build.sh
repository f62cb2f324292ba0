#!/usr/bin/env bash
# Builds the Kubernetes control plane that the end-to-end tests run: etcd,
# kube-apiserver, kube-controller-manager, kube-scheduler and kwok, each at the
# version pinned in the go.mod beside this script, and collects the
# CustomResourceDefinitions of Cluster API and of one infrastructure provider.
#
#   build.sh                    builds what is missing and prints the folder (last line of stdout)
#   build.sh folder             prints the folder without building
#   build.sh cluster-api-crds   as the first, but prints the files of the definitions
#
#   KUBEBUILDER_ASSETS="$(tests/control-plane/build.sh)" cargo test -p strata-tests
#
# The folder's name is a digest of everything that decides its content, so a
# second call answers at once and an old folder is never mistaken for a new one.
# Needed: Go, and a Go module proxy or a filled module cache. STRATA_CONTROL_PLANE_CACHE
# moves the cache from ~/.cache/strata/control-plane.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${STRATA_CONTROL_PLANE_CACHE:-$HOME/.cache/strata/control-plane}"
command="${1:-build}"
# What is pinned here decides, not what a developer's shell happens to hold.
export GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0

digest() {
  { cat "$here"/build.sh "$here"/*/go.mod "$here"/*/go.sum "$here"/*/*.go; go version; } | sha256sum | cut -c1-16
}

# version <folder> <module>, directory <folder> <module>: of a module pinned there.
version() { (cd "$here/$1" && go list -m -f '{{.Version}}' "$2"); }
directory() { (cd "$here/$1" && go mod download "$2" && go list -m -f '{{.Dir}}' "$2"); }

# compile <folder> <package> <binary> <extra linker flags>
compile() {
  echo "building $3" >&2
  (cd "$here/$1" && nice go build -trimpath -buildvcs=false -ldflags "-s -w $4" -o "$3" "$2") >&2
}

# A module build carries no version of its own, and an API server that calls
# itself v0.0.0 is refused by clients that look at the version.
kubernetes_linker_flags() {
  local version="$1" package flags=""
  local numbers="${version#v}"
  local major="${numbers%%.*}" rest="${numbers#*.}"
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$version -X $package.gitMajor=$major -X $package.gitMinor=${rest%%.*}"
    flags+=" -X $package.gitCommit=unknown -X $package.gitTreeState=archive"
  done
  echo "$flags"
}

# definitions <provider> <folder with bases/ and kustomization.yaml> <file pattern>
# The kustomization goes along: it holds the labels by which Cluster API finds
# the versions that keep its contract.
definitions() {
  mkdir -p "$staging/crds/$1"
  cp "$2"/bases/$3 "$2/kustomization.yaml" "$staging/crds/$1/"
}

build() {
  local kubernetes etcd kwok core aws stages
  kubernetes="$(version kubernetes k8s.io/kubernetes)"
  etcd="$(version etcd go.etcd.io/etcd/server/v3)"
  kwok="$(version kwok sigs.k8s.io/kwok)"

  compile kubernetes . "$staging/kube-apiserver" "$(kubernetes_linker_flags "$kubernetes")"
  ln "$staging/kube-apiserver" "$staging/kube-controller-manager"
  ln "$staging/kube-apiserver" "$staging/kube-scheduler"
  compile etcd go.etcd.io/etcd/server/v3 "$staging/etcd" ""
  compile kwok sigs.k8s.io/kwok/cmd/kwok "$staging/kwok" "-X sigs.k8s.io/kwok/pkg/consts.Version=$kwok"

  # kwok's program holds no stages: without these its nodes and pods stay as they were made.
  stages="$(directory kwok sigs.k8s.io/kwok)/kustomize/stage"
  for stage in node/fast/node-initialize node/heartbeat-with-lease/node-heartbeat-with-lease \
    pod/fast/pod-ready pod/fast/pod-complete pod/fast/pod-delete \
    volume/fast/pv-bind volume/fast/pv-delete volume/fast/pvc-provision volume/fast/pvc-delete; do
    echo "---"
    cat "$stages/$stage.yaml"
  done > "$staging/kwok-stages.yaml"

  core="$(directory cluster-api sigs.k8s.io/cluster-api)"
  aws="$(directory cluster-api sigs.k8s.io/cluster-api-provider-aws/v2)"
  definitions core "$core/config/crd" '*.yaml'
  definitions kubeadm-bootstrap "$core/bootstrap/kubeadm/config/crd" '*.yaml'
  definitions kubeadm-control-plane "$core/controlplane/kubeadm/config/crd" '*.yaml'
  definitions aws "$aws/config/crd" 'infrastructure.cluster.x-k8s.io_aws[cm]*.yaml'
  chmod -R u+w "$staging/crds"

  cat > "$staging/versions.env" <<VERSIONS
KUBERNETES_VERSION=$kubernetes
ETCD_VERSION=$etcd
KWOK_VERSION=$kwok
CLUSTER_API_VERSION=$(version cluster-api sigs.k8s.io/cluster-api)
CLUSTER_API_DIRECTORY=$core
CLUSTER_API_AWS_VERSION=$(version cluster-api sigs.k8s.io/cluster-api-provider-aws/v2)
CLUSTER_API_AWS_DIRECTORY=$aws
VERSIONS
}

folder="$cache/$(digest)"
case "$command" in
  folder)
    echo "$folder"
    exit
    ;;
  build | cluster-api-crds) ;;
  *)
    echo "usage: build.sh [build | folder | cluster-api-crds]" >&2
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

if [[ "$command" == cluster-api-crds ]]; then
  find "$folder/crds" -name '*.yaml' ! -name kustomization.yaml | sort
else
  echo "$folder"
fi
