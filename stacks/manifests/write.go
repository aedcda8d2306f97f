package manifests

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/encoding"
)

const (
	kustomizationFile = "kustomization.yaml"
	// onceFile has the objects that are created once.
	onceFile = "once.yaml"
)

// Print writes objects as a stream of YAML documents, and leaves out what is secret:
// it gives the names of what it left out.
func Print(out io.Writer, objects []Object) (left []string, err error) {
	for _, o := range objects {
		// The contents of a pull secret that nobody has filled are nobody's secret.
		if o.Secret() && !empty(o) {
			left = append(left, o.Kind()+" "+o.Namespace()+"/"+o.Name())
			continue
		}
		text, err := o.yaml()
		if err != nil {
			return nil, err
		}
		if _, err := fmt.Fprintf(out, "---\n%s", text); err != nil {
			return nil, err
		}
	}
	return left, nil
}

func (o Object) yaml() ([]byte, error) { return encoding.YAML.Marshal(map[string]any(o)) }

// empty says whether a Secret is a pull secret without a registry.
func empty(o Object) bool {
	data, _ := o["data"].(map[string]any)
	return o.text("type") == "kubernetes.io/dockerconfigjson" && data[".dockerconfigjson"] == emptyPullSecret
}

// emptyPullSecret is {"auths":{}} in Base64.
const emptyPullSecret = "eyJhdXRocyI6e319"

// kustomization is what `kubectl apply -k` reads.
type kustomization struct {
	APIVersion  string            `yaml:"apiVersion" json:"apiVersion"`
	Kind        string            `yaml:"kind" json:"kind"`
	SortOptions map[string]string `yaml:"sortOptions" json:"sortOptions"`
	Resources   []string          `yaml:"resources" json:"resources"`
}

// Write writes the set into a folder: a file for each object, KIND-NAME.NAMESPACE.yaml, or
// KIND-NAME.yaml for one that is in no namespace, and kustomization.yaml, which lists them
// in the order in which they are applied; and once.yaml. Files that an earlier
// kustomization.yaml lists and this one does not are deleted. What is secret can be read
// by its owner only.
func (set *Set) Write(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	list := kustomization{
		APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization", SortOptions: map[string]string{"order": "fifo"},
	}
	for _, o := range set.Objects {
		name := strings.ToLower(o.Kind()) + "-" + o.Name()
		if o.Namespace() != "" {
			name += "." + o.Namespace()
		}
		name += ".yaml"
		text, err := o.yaml()
		if err != nil {
			return err
		}
		if err := write(filepath.Join(folder, name), text, o.Secret()); err != nil {
			return err
		}
		list.Resources = append(list.Resources, name)
	}
	var once bytes.Buffer
	if _, err := Print(&once, set.Once); err != nil {
		return err
	}
	if err := removeOthers(folder, list.Resources); err != nil {
		return err
	}
	text, err := encoding.YAML.Marshal(list)
	if err != nil {
		return err
	}
	return errors.Join(write(filepath.Join(folder, onceFile), once.Bytes(), false), write(filepath.Join(folder, kustomizationFile), text, false))
}

// write writes a file anew, so that it has the mode that it would have if it were new.
func write(path string, text []byte, secret bool) error {
	mode := fs.FileMode(0o644)
	if secret {
		mode = 0o600
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, text, mode)
}

// removeOthers deletes the files that the folder's kustomization.yaml lists, but for
// those that are kept.
func removeOthers(folder string, kept []string) error {
	text, err := os.ReadFile(filepath.Join(folder, kustomizationFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var last kustomization
	if err := encoding.YAML.Unmarshal(text, &last); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(folder, kustomizationFile), err)
	}
	for _, name := range last.Resources {
		if filepath.Base(name) != name || slices.Contains(kept, name) {
			continue
		}
		if err := os.Remove(filepath.Join(folder, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
