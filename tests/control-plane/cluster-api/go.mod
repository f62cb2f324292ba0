// Pins the modules whose CustomResourceDefinitions the tests install. Only
// their files are read, nothing is compiled, so `go mod tidy` must not be run here.
module strata.dev/tests/control-plane/cluster-api

go 1.26.0

require (
	sigs.k8s.io/cluster-api v1.13.6
	sigs.k8s.io/cluster-api-provider-aws/v2 v2.13.0
)
