// Command probe records what Helm's engine makes of small templates, so that each
// template function is held against the real one.
//
//	cd tests/charts/helm
//	TZ=UTC go run ./probe > ../../../crates/render/tests/data/functions.json
//
// probes.txt holds templates; values.json what they may use, as ".".
// Each is rendered as a partial of a chart in memory, by the engine that `helm
// template` uses. Besides, each function that gives the same answer each time is
// swept: called with each of a few arguments, alone and behind others.
//
// The answer is null where the engine refuses the template.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/sprig/v3"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

//go:embed probes.txt
var templates string

//go:embed values.json
var data []byte

// helms are the functions that Helm adds; builtins are Go's own.
var (
	helms = []string{
		"toToml", "fromToml", "toYaml", "mustToYaml", "toYamlPretty", "fromYaml", "fromYamlArray", "toJson", "mustToJson",
		"fromJson", "fromJsonArray", "include", "tpl", "required", "lookup",
	}
	builtins = []string{
		"and", "call", "eq", "ge", "gt", "html", "index", "js", "le", "len", "lt", "ne", "not", "or", "print", "printf",
		"println", "slice", "urlquery",
	}
	// unsteady gives another answer each time, or none for what is swept.
	unsteady = []string{
		"ago", "bcrypt", "buildCustomCert", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert",
		"genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey", "htpasswd", "now", "randAlpha", "randAlphaNum",
		"randAscii", "randBytes", "randInt", "randNumeric", "shuffle", "uuidv4", "keys", "values", "date", "date_in_zone",
		"dateInZone", "htmlDate", "htmlDateInZone", "date_modify", "dateModify", "mustDateModify", "must_date_modify",
		"toDate", "mustToDate", "include", "tpl", "call",
	}
	arguments = []string{
		".nil", ".missing.x", `""`, ".s", ".uni", "7", ".n", ".f", ".big", ".t", ".list", ".nums", ".mixed", ".elist", ".map",
		".emap", `"a" .s`, `2 .s`, `"a" .list`, `.list "b"`, `.map "a"`, `"a" .map`, `2 3`, `.f 2`, `"l" "L" .s`, `1 2 .s`,
		`"," .s .list`, `.nil .nil`, `.map .map`, `.list .list`,
	}
)

// probe is a template and its answer.
type probe struct {
	Template string  `json:"template"`
	Output   *string `json:"output"`
	Error    string  `json:"error,omitempty"`
}

type recording struct {
	Values    json.RawMessage `json:"values"`
	Functions []string        `json:"functions"`
	Probes    []probe         `json:"probes"`
	Sweep     struct {
		Arguments []string             `json:"arguments"`
		Outputs   map[string][]*string `json:"outputs"`
	} `json:"sweep"`
}

func main() {
	log.SetOutput(io.Discard)
	if err := record(); err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func record() error {
	var said recording
	said.Values = data
	said.Functions = functions()
	for _, line := range lines() {
		output, err := render(line)
		if err != nil {
			said.Probes = append(said.Probes, probe{Template: line, Error: err.Error()})
			continue
		}
		again, err := render(line)
		if err != nil || again != output {
			return fmt.Errorf("another answer each time: %s", line)
		}
		said.Probes = append(said.Probes, probe{Template: line, Output: &output})
	}
	said.Sweep.Arguments = arguments
	said.Sweep.Outputs = map[string][]*string{}
	for _, name := range said.Functions {
		if !regexp.MustCompile(`\b` + name + `\b`).MatchString(templates) {
			return fmt.Errorf("no probe calls %s", name)
		}
		if slices.Contains(unsteady, name) {
			continue
		}
		for _, argument := range arguments {
			answer := (*string)(nil)
			if output, err := render("{{ " + name + " " + argument + " }}"); err == nil {
				answer = &output
			}
			said.Sweep.Outputs[name] = append(said.Sweep.Outputs[name], answer)
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(said); err != nil {
		return err
	}
	_, err := os.Stdout.Write(out.Bytes())
	return err
}

// action is one of those that stand for themselves.
var action = regexp.MustCompile(`\{\{ .*? \}\}`)

// lines gives the templates of probes.txt. A line of several actions that have
// nothing to do with each other is as many templates, so that one's failure hides
// no other.
func lines() []string {
	var found []string
	for _, line := range strings.Split(templates, "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.Contains(line, ":=") || strings.Contains(line, "define") || strings.Contains(line, "tpl "):
			found = append(found, line)
		default:
			found = append(found, action.FindAllString(line, -1)...)
		}
	}
	return found
}

// functions names all that Helm's engine knows.
func functions() []string {
	names := slices.Concat(helms, builtins)
	for name := range sprig.TxtFuncMap() {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool {
		_, err := render("{{ if false }}{{ " + name + " }}{{ end }}")
		return err != nil
	})
}

// render has the engine render a partial with the values as its ".".
func render(template string) (string, error) {
	var values map[string]any
	if err := json.Unmarshal(data, &values); err != nil {
		return "", err
	}
	probed := &chart.Chart{
		Metadata: &chart.Metadata{Name: "probe", Version: "1.0.0", APIVersion: "v2"},
		Templates: []*chart.File{
			{Name: "templates/_probe", Data: []byte(template)},
			{Name: "templates/main", Data: []byte(`{{ template "probe/templates/_probe" .Values }}`)},
		},
	}
	top := chartutil.Values{"Values": values, "Release": map[string]any{"Name": "demo"}, "Capabilities": chartutil.DefaultCapabilities}
	texts, err := engine.Render(probed, top)
	return texts["probe/templates/main"], err
}
