package workspace

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/adrg/xdg"
	"github.com/gofrs/flock"
	"github.com/google/renameio/v2/maybe"
)

// Known is a workspace of this machine from which something was deployed.
type Known struct {
	Dir    string `json:"dir"`
	Target string `json:"target"` // sandbox or aws
}

// knownFile lists the workspaces of this machine, beside the default ones.
const knownFile = "workspaces.json"

func knownPath() (string, error) {
	if xdg.StateHome == "" {
		return "", errors.New("no folder for the list of workspaces is known: set HOME")
	}
	return filepath.Join(xdg.StateHome, appName, knownFile), nil
}

// Remember adds a workspace to the list that AllKnown reads.
func Remember(k Known) error {
	path, err := knownPath()
	if err != nil {
		return err
	}
	if all, err := AllKnown(); err == nil && slices.Contains(all, k) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), dirMode); err != nil {
		return fmt.Errorf("remember the workspace: %w", err)
	}
	lock := flock.New(path+".lock", flock.SetPermissions(fileMode))
	if err := lock.Lock(); err != nil { // held for milliseconds
		return fmt.Errorf("remember the workspace: %w", err)
	}
	defer lock.Unlock()
	all, err := AllKnown()
	if err != nil {
		return err
	}
	if slices.Contains(all, k) {
		return nil
	}
	data, err := json.MarshalIndent(append(all, k), "", "  ")
	if err == nil {
		err = maybe.WriteFile(path, append(data, '\n'), fileMode)
	}
	if err != nil {
		return fmt.Errorf("remember the workspace: %w", err)
	}
	return nil
}

// AllKnown lists the workspaces of this machine from which something was
// deployed and whose folders still exist.
func AllKnown() ([]Known, error) {
	path, err := knownPath()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of workspaces: %w", err)
	}
	all, err := decodeKnown(data)
	if err != nil {
		return nil, fmt.Errorf("read the list of workspaces: %s is damaged (%w). Remove it, and name each workspace with --workspace DIR", path, err)
	}
	return slices.DeleteFunc(all, func(k Known) bool {
		info, err := os.Stat(filepath.Join(k.Dir, idFile))
		return err != nil || !info.Mode().IsRegular()
	}), nil
}

// decodeKnown drops entries that name no folder.
func decodeKnown(data []byte) ([]Known, error) {
	var all []Known
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(k Known) bool { return !filepath.IsAbs(k.Dir) || k.Target == "" }), nil
}
