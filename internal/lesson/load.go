package lesson

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"

	"workshop/internal/clean"
)

// Manifest is the file that names a course and its steps.
const Manifest = "workshop.yaml"

var variableName = regexp.MustCompile(`^[A-Za-z][\w-]*$`)

var stepFile = regexp.MustCompile(`^\d+[-_.].*\.md$`)

// Load reads a course: workshop.yaml with
//
//	title: the course's name
//	steps: [01-first.md, 02-second.md]
//	variables: {takes: {sandbox: a minute, aws: five minutes}}
//
// and the steps. Without the list, the files named NN-id.md are the steps, in
// order of name. The course holds every step that could be read, also those
// with a fault; it is never nil. The error joins one *Error for each fault, with
// file and line, and tells nothing that keeps the course from being shown.
func Load(fsys fs.FS) (*Course, error) {
	c := &Course{Title: "Workshop"}
	var errs []error
	fault := func(file string, line int, format string, args ...any) {
		errs = append(errs, &Error{File: file, Line: line, Msg: fmt.Sprintf(format, args...)})
	}
	files, err := manifest(fsys, c)
	if err != nil {
		errs = append(errs, err)
	}
	if len(files) == 0 {
		entries, err := fs.ReadDir(fsys, ".")
		if err != nil {
			fault(".", 0, "the steps cannot be listed: %v", err)
		}
		for _, e := range entries {
			if !e.IsDir() && stepFile.MatchString(e.Name()) {
				files = append(files, entry{name: e.Name()})
			}
		}
		sort.Slice(files, func(i, j int) bool { return files[i].name < files[j].name })
	}
	seen := map[string]string{}
	for _, f := range files {
		src, err := fs.ReadFile(fsys, f.name)
		if err != nil {
			var pe *fs.PathError
			if errors.As(err, &pe) {
				err = pe.Err
			}
			fault(Manifest, f.line, "the step %s cannot be read: %v", clean.Line(f.name), err)
			continue
		}
		s, err := Parse(f.name, src)
		if err != nil {
			errs = append(errs, err)
		}
		if other, ok := seen[s.ID]; ok && other == f.name {
			fault(Manifest, f.line, "%s is listed twice", clean.Line(f.name))
			continue
		} else if ok {
			fault(f.name, 0, "%s has the same id, %q: rename one of the two", other, s.ID)
			continue
		}
		seen[s.ID] = f.name
		for b := range Within(s.Blocks) {
			if b.Kind != Image || strings.Contains(b.Source, "://") || strings.Contains(b.Source, "{{") {
				continue
			}
			if _, err := fs.Stat(fsys, b.Source); err != nil {
				fault(f.name, b.Line, "the picture %s is not there", b.Source)
			}
		}
		c.Steps = append(c.Steps, s)
	}
	if len(files) == 0 {
		fault(Manifest, 0, "there are no steps: write the first as 01-name.md")
	}
	return c, errors.Join(errs...)
}

// entry is a step file and the manifest's line that names it, 0 for none.
type entry struct {
	name string
	line int
}

func manifest(fsys fs.FS, c *Course) ([]entry, error) {
	src, err := fs.ReadFile(fsys, Manifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &Error{File: Manifest, Msg: fmt.Sprintf("cannot be read: %v", err)}
	}
	return parseManifest(src, c)
}

// Faults returns what is wrong with the text of a step or of the manifest, each
// taken by itself: nil where nothing is, else one *Error or several joined.
func Faults(file string, src []byte) error {
	if file == Manifest {
		_, err := parseManifest(src, &Course{})
		return err
	}
	_, err := Parse(file, src)
	return err
}

func parseManifest(src []byte, c *Course) ([]entry, error) {
	var m struct {
		Title     string
		Steps     []yaml.Node
		Variables map[string]yaml.Node
	}
	if err := yaml.Unmarshal(src, &m); err != nil {
		e := yamlFault(err, src)
		e.File = Manifest
		return nil, e
	}
	if m.Title != "" {
		c.Title = clean.Line(m.Title)
	}
	c.Variables = map[string]map[string]string{}
	for name, n := range m.Variables {
		values := map[string]string{}
		var one string
		switch {
		case !variableName.MatchString(name):
			return nil, &Error{File: Manifest, Line: n.Line, Column: n.Column, Msg: fmt.Sprintf("%q is no name for a variable: take letters, digits, - and _", clean.Line(name))}
		case n.Kind == yaml.ScalarNode && n.Decode(&one) == nil:
			values[""] = clean.Line(one)
		case n.Kind != yaml.MappingNode || n.Decode(&values) != nil:
			return nil, &Error{File: Manifest, Line: n.Line, Column: n.Column, Msg: fmt.Sprintf("the variable %s must be text, or text for each target: {sandbox: …, aws: …}", name)}
		}
		for target, v := range values {
			values[target] = clean.Line(v)
		}
		c.Variables[name] = values
	}
	var files []entry
	for _, n := range m.Steps {
		if n.Kind != yaml.ScalarNode {
			return nil, &Error{File: Manifest, Line: n.Line, Msg: "a step is the name of its file, such as 01-welcome.md"}
		}
		name := path.Clean(n.Value)
		if path.Ext(name) == "" {
			name += ".md"
		}
		files = append(files, entry{name, n.Line})
	}
	return files, nil
}

// Within yields every block of blocks and those inside of it, in the order of
// the text.
func Within(blocks []Block) iter.Seq[*Block] {
	return func(yield func(*Block) bool) { within(blocks, yield) }
}

func within(blocks []Block, yield func(*Block) bool) bool {
	for i := range blocks {
		b := &blocks[i]
		if !yield(b) || !within(b.Blocks, yield) {
			return false
		}
		for _, it := range b.Items {
			if !within(it.Blocks, yield) {
				return false
			}
		}
	}
	return true
}
