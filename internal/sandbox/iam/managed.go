package iam

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strings"
	"sync"
	"time"
)

// packed has the policies that AWS keeps in every account; managed.py says how.
//
//go:generate python3 managed.py managed.txt.gz
//go:embed managed.txt.gz
var packed []byte

// managedPolicy is a policy that AWS keeps. Its document is empty where the sandbox does
// not carry it.
type managedPolicy struct {
	version, document string
	created, updated  time.Time
}

// managed are these policies by path and name, such as
// "service-role/AmazonECSTaskExecutionRolePolicy", and their names in order. Only that they
// exist matters here: nothing evaluates them.
var managed = sync.OnceValues(func() (map[string]managedPolicy, []string) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic(err) // the file is part of the program
	}
	byName := map[string]managedPolicy{}
	var names []string
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), " ", 5)
		p := managedPolicy{version: parts[1]}
		p.created, _ = time.Parse(time.RFC3339, parts[2])
		p.updated, _ = time.Parse(time.RFC3339, parts[3])
		if len(parts) == 5 {
			p.document = parts[4]
		}
		byName[parts[0]] = p
		names = append(names, parts[0])
	}
	return byName, names
})
