// Command fetch takes the charts of corpus.yaml out of the Go modules that carry
// them.
//
//	fetch <corpus.yaml> <folder>
//
// Each module is downloaded by the go command at the version that is pinned, its
// content is compared with the sum that is pinned beside it, and of each chart
// that is listed the folder alone is copied to <folder>/<id>. A chart whose
// dependencies lie elsewhere in the same module gets them by "with"; one with
// an optional dependency that no module carries gets an empty chart of that name
// by "absent", so that it passes Helm's check of what is there. Nothing else is
// changed in a chart.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// corpus is the part of corpus.yaml that says what to fetch.
type corpus struct {
	Modules []struct {
		Module  string `json:"module"`
		Version string `json:"version"`
		Sum     string `json:"sum"`
		Charts  []struct {
			ID     string            `json:"id"`
			Path   string            `json:"path"`
			With   map[string]string `json:"with"`
			Absent map[string]string `json:"absent"`
		} `json:"charts"`
	} `json:"modules"`
}

// download is what `go mod download -json` says of a module.
type download struct {
	Path, Version, Dir, Sum, Error string
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: fetch <corpus.yaml> <folder>")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

func run(list, folder string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var wanted corpus
	if err := yaml.Unmarshal(text, &wanted); err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	modules, err := downloadAll(wanted)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, module := range wanted.Modules {
		source := modules[module.Module+"@"+module.Version]
		if source.Sum != module.Sum {
			return fmt.Errorf("%s@%s has the sum %s, but %s is pinned", module.Module, module.Version, source.Sum, module.Sum)
		}
		for _, chart := range module.Charts {
			if chart.ID == "" || seen[chart.ID] || strings.ContainsAny(chart.ID, "/\\") {
				return fmt.Errorf("%s: the id %q is empty, used twice or no name of a folder", chart.Path, chart.ID)
			}
			seen[chart.ID] = true
			target := filepath.Join(folder, chart.ID)
			if err := copyFolder(filepath.Join(source.Dir, chart.Path), target); err != nil {
				return fmt.Errorf("chart %s: %w", chart.ID, err)
			}
			for to, from := range chart.With {
				if err := copyFolder(filepath.Join(source.Dir, from), filepath.Join(target, to)); err != nil {
					return fmt.Errorf("chart %s: %w", chart.ID, err)
				}
			}
			for name, version := range chart.Absent {
				if err := emptyChart(filepath.Join(target, "charts", name), name, version); err != nil {
					return fmt.Errorf("chart %s: %w", chart.ID, err)
				}
			}
		}
	}
	fmt.Fprintf(os.Stderr, "%d charts from %d modules\n", len(seen), len(wanted.Modules))
	return nil
}

// downloadAll has the go command download all modules at once, as many at a time
// as it sees fit.
func downloadAll(wanted corpus) (map[string]download, error) {
	arguments := []string{"mod", "download", "-json"}
	for _, module := range wanted.Modules {
		arguments = append(arguments, module.Module+"@"+module.Version)
	}
	command := exec.Command("go", arguments...)
	command.Stderr = os.Stderr
	output, failed := command.Output()
	modules := map[string]download{}
	decoder := json.NewDecoder(bytes.NewReader(output))
	for {
		var module download
		err := decoder.Decode(&module)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the answer of the go command: %w", err)
		}
		if module.Error != "" {
			return nil, fmt.Errorf("%s: %s", module.Path, module.Error)
		}
		modules[module.Path+"@"+module.Version] = module
	}
	if failed != nil {
		return nil, fmt.Errorf("go mod download: %w", failed)
	}
	return modules, nil
}

func copyFolder(from, to string) error {
	if _, err := os.Stat(filepath.Join(from, "Chart.yaml")); err != nil {
		return fmt.Errorf("no chart: %w", err)
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
}

func emptyChart(folder, name, version string) error {
	if err := os.MkdirAll(filepath.Join(folder, "templates"), 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %q\n", name, version)
	return os.WriteFile(filepath.Join(folder, "Chart.yaml"), []byte(text), 0o644)
}
