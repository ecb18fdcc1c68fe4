package fargate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Image is an image that the sandbox carries. It is a value.
type Image struct {
	Ref     string // in full: registry, repository, tag or digest
	Digest  string // sha256:…, made up but the same for the same reference
	Tag     string // empty where a digest names it
	program string
	command []string // what runs when the container names no command
	only    string   // the architecture of one that is made for a single one
}

// PullError is an image that could not be pulled; its text is what ECS puts into
// a task's stoppedReason (Developer Guide, "CannotPullContainer task errors").
type PullError struct{ Text string }

func (e *PullError) Error() string { return "CannotPullContainerError: " + e.Text }

// StartError is a container that could not be started, in ECS's words for the
// container's reason.
type StartError struct{ Text string }

func (e *StartError) Error() string { return "CannotStartContainerError: " + e.Text }

var busyboxTags = regexp.MustCompile(`^(latest|stable|1(\.3[0-9](\.[0-9])?)?)(-(musl|glibc|uclibc))?$`)

// catalogue is which program stands in for which image.
var catalogue = []struct {
	repository *regexp.Regexp
	tag        *regexp.Regexp
	program    string
	command    []string
	only       string
}{
	{regexp.MustCompile(`^(ghcr\.io|docker\.io)/stefanprodan/podinfo$`), regexp.MustCompile(`^(latest|6\.([0-9]|1[01])\.[0-9])$`), "podinfo", []string{"./podinfo"}, ""},
	{regexp.MustCompile(`^(docker\.io|public\.ecr\.aws/docker)/library/busybox$`), busyboxTags, "busybox", []string{"sh"}, ""},
	// Docker Hub has the builds for one architecture under these owners.
	{regexp.MustCompile(`^docker\.io/amd64/busybox$`), busyboxTags, "busybox", []string{"sh"}, "amd64"},
	{regexp.MustCompile(`^docker\.io/arm64v8/busybox$`), busyboxTags, "busybox", []string{"sh"}, "arm64"},
	{regexp.MustCompile(`^registry\.k8s\.io/pause$`), regexp.MustCompile(`^3\.([0-9]|10)$`), "pause", []string{"/pause"}, ""},
}

var digest = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// normalise writes a reference in full, as container runtimes do: without a
// registry it is docker.io's, without an owner there library's, without a tag
// the latest.
func normalise(ref string) (repository, tag, dig string) {
	repository, dig, _ = strings.Cut(ref, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository, tag = repository[:i], repository[i+1:]
	}
	first, _, nested := strings.Cut(repository, "/")
	if !nested || !strings.ContainsAny(first, ".:") && first != "localhost" {
		if !nested {
			repository = "library/" + repository
		}
		repository = "docker.io/" + repository
	}
	if tag == "" && dig == "" {
		tag = "latest"
	}
	return repository, tag, dig
}

// Pull finds an image by its reference. What the sandbox does not carry is a
// *PullError, in the words that ECS has for an image that the registry does not
// know. It is safe for concurrent use.
func Pull(ref string) (Image, error) {
	repository, tag, dig := normalise(ref)
	full := repository
	if tag != "" {
		full += ":" + tag
	}
	if dig != "" {
		full += "@" + dig
	}
	known := false
	for _, c := range catalogue {
		if !c.repository.MatchString(repository) {
			continue
		}
		known = true
		if dig != "" && !digest.MatchString(dig) || dig == "" && !c.tag.MatchString(tag) {
			continue
		}
		if dig == "" {
			sum := sha256.Sum256([]byte(full))
			dig = "sha256:" + hex.EncodeToString(sum[:])
		}
		return Image{Ref: full, Digest: dig, Tag: tag, program: c.program, command: c.command, only: c.only}, nil
	}
	reason := "not found"
	if !known && strings.HasPrefix(repository, "docker.io/") {
		reason = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed"
		return Image{}, &PullError{fmt.Sprintf("pull image manifest has been retried 1 time(s): failed to resolve ref %s: %s", full, reason)}
	}
	return Image{}, &PullError{fmt.Sprintf("pull image manifest has been retried 7 time(s): failed to resolve ref %s: %s", full, reason)}
}

// Unreachable is the error of a pull from where there is no way to the registry.
func Unreachable(ref string) error {
	repository, tag, dig := normalise(ref)
	registry, name, _ := strings.Cut(repository, "/")
	full, manifest := repository+":"+tag, tag
	if dig != "" {
		full, manifest = repository+"@"+dig, dig
	}
	if registry == "docker.io" {
		registry = "registry-1.docker.io"
	}
	// 192.0.2.0/24 is nobody's (RFC 5737).
	return &PullError{fmt.Sprintf(`pull image manifest has been retried 5 time(s): failed to resolve ref %s: failed to do request: Head "https://%s/v2/%s/manifests/%s": dial tcp 192.0.2.10:443: i/o timeout`, full, registry, name, manifest)}
}

// argv is the command line of a container: what it says itself, else what its
// image says.
func (i Image) argv(entryPoint, command []string) []string {
	argv := append(append([]string{}, entryPoint...), command...)
	if len(argv) == 0 {
		return i.command
	}
	return argv
}

// foreign reports whether the image is made for another architecture than the
// task's.
func (i Image) foreign(architecture string) bool {
	return i.only != "" && architecture != "" && i.only != architecture
}

// inPath is the file that a command is found as.
func inPath(command string) string {
	if strings.Contains(command, "/") {
		return command
	}
	return "/bin/" + command
}

// resolve finds the program behind a command line.
func (i Image) resolve(argv []string) (string, error) {
	name := path.Base(argv[0])
	switch {
	case i.program == "busybox" && (name == "busybox" || applets[name] != nil):
		return "busybox", nil
	case name == i.program:
		return i.program, nil
	}
	return "", &StartError{fmt.Sprintf("ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: %q: executable file not found in $PATH: unknown", argv[0])}
}
