// Command reference answers what Helm's own libraries say, for comparison.
//
//	reference        reads requests, one JSON object a line, and answers each with one line
//
// A request {"chart": FOLDER, "values": {...}, "release", "namespace",
// "kubeVersion", "apiVersions", "upgrade"} is answered with {"texts": {template:
// text}} or {"error"}: what the engine makes of each template, before anything is
// split, sorted or dropped. A request {"documents": TEXT} is answered with
// {"objects": [...]}: the objects in an output of `helm template`, read as Helm
// and kubectl read them.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

type request struct {
	Chart       string         `json:"chart"`
	Values      map[string]any `json:"values"`
	Release     string         `json:"release"`
	Namespace   string         `json:"namespace"`
	KubeVersion string         `json:"kubeVersion"`
	APIVersions []string       `json:"apiVersions"`
	Upgrade     bool           `json:"upgrade"`
	Documents   *string        `json:"documents"`
}

type answer struct {
	Texts   map[string]string `json:"texts,omitempty"`
	Objects []json.RawMessage `json:"objects,omitempty"`
	Error   string            `json:"error,omitempty"`
}

func main() {
	// The libraries warn about values that do not fit together; that is not asked for.
	log.SetOutput(io.Discard)
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func serve(in io.Reader, out io.Writer) error {
	reader, encoder := bufio.NewReaderSize(in, 1<<20), json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var asked request
		if err := json.Unmarshal(line, &asked); err != nil {
			return err
		}
		var said answer
		if asked.Documents != nil {
			said.Objects, err = objects(*asked.Documents)
		} else {
			said.Texts, err = texts(asked)
		}
		if err != nil {
			said = answer{Error: err.Error()}
		}
		if err := encoder.Encode(said); err != nil {
			return err
		}
	}
}

// texts does what `helm template` does, as far as the texts of the templates.
func texts(asked request) (map[string]string, error) {
	chart, err := loader.Load(asked.Chart)
	if err != nil {
		return nil, err
	}
	if asked.Values == nil {
		asked.Values = map[string]any{}
	}
	if err := chartutil.ProcessDependenciesWithMerge(chart, asked.Values); err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	version, err := chartutil.ParseKubeVersion(asked.KubeVersion)
	if err != nil {
		return nil, err
	}
	capabilities.KubeVersion = *version
	capabilities.APIVersions = append(capabilities.APIVersions, asked.APIVersions...)
	options := chartutil.ReleaseOptions{
		Name: asked.Release, Namespace: asked.Namespace, Revision: 1, IsInstall: !asked.Upgrade, IsUpgrade: asked.Upgrade,
	}
	values, err := chartutil.ToRenderValuesWithSchemaValidation(chart, asked.Values, options, capabilities, false)
	if err != nil {
		return nil, err
	}
	return engine.Render(chart, values)
}

// objects splits documents as a cluster's clients do: unlike Helm's own splitting,
// that leaves a document its last line break, which belongs to a block at its end.
func objects(documents string) ([]json.RawMessage, error) {
	var found []json.RawMessage
	reader := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(documents)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		object, err := yaml.YAMLToJSON(document)
		if err != nil {
			return nil, err
		}
		if string(object) != "null" {
			found = append(found, object)
		}
	}
}
