package stackfiles

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Stack is one stack file. Its JSON form is an entry of a CI matrix.
type Stack struct {
	// Name is the part between Pulumi. and .yaml.
	Name string `json:"stack"`
	// Customer is the slug; empty where the file cannot be read or has none.
	Customer string `json:"customer"`
	// Platform is where the product runs; empty as above.
	Platform string `json:"platform"`
	// Side is whose half the stack builds: both, vendor or customer.
	Side string `json:"side"`
	// Path is the file.
	Path string `json:"-"`
	// Problem says why no command may work on the stack: the words above could not be
	// read, or another stack builds the same; nil where neither is so.
	Problem error `json:"-"`
}

const (
	prefix = "Pulumi."
	suffix = ".yaml"
	// sandboxStack is the sandbox's own, which no cloud has.
	sandboxStack = "dev"
	// both is the side of a stack that builds both halves.
	both = "both"
)

// Find reads every stack file of a project's folder but the sandbox's own,
// Pulumi.dev.yaml, sorted by name. A folder without a Pulumi.yaml is an error.
func Find(root string) ([]Stack, error) {
	if _, err := os.Stat(filepath.Join(root, prefix+"yaml")); err != nil {
		return nil, fmt.Errorf("--root %q: want the project's folder, which holds Pulumi.yaml: %w", root, err)
	}
	// ReadDir and not Glob: a folder's name may hold what a pattern would mean otherwise.
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("--root %q: %w", root, err)
	}
	var stacks []Stack
	claims := map[string]claim{}
	for _, entry := range entries {
		name, isStack := strings.CutPrefix(entry.Name(), prefix)
		name, isYAML := strings.CutSuffix(name, suffix)
		if isStack && isYAML && name != "" && name != sandboxStack && !entry.IsDir() {
			stack, claimed := read(name, filepath.Join(root, entry.Name()))
			stacks, claims[name] = append(stacks, stack), claimed
		}
	}
	slices.SortFunc(stacks, func(a, b Stack) int { return cmp.Compare(a.Name, b.Name) })
	for i, stack := range stacks {
		for j, other := range stacks {
			sides := stack.Side == other.Side || stack.Side == both || other.Side == both
			if i != j && stack.Problem == nil && stack.Customer != "" && sides && claims[stack.Name] == claims[other.Name] {
				stacks[i].Problem = fmt.Errorf("slug %q, product %q, side %q: %s is of the same: want another slug in one of the two: they would build the same resources",
					stack.Customer, claims[stack.Name].product, stack.Side, filepath.Base(other.Path))
			}
		}
	}
	return stacks, nil
}

// claim is what the names of a stack's resources follow from. The platform is not among
// it: the vendor's repository is called the same on all.
type claim struct{ customer, product, project, account string }

func read(name, path string) (Stack, claim) {
	stack := Stack{Name: name, Path: path}
	text, err := os.ReadFile(path)
	if err != nil {
		stack.Problem = err
		return stack, claim{}
	}
	var file struct {
		Config struct {
			Customer struct {
				Slug     string `json:"slug"`
				Platform string `json:"platform"`
				Side     string `json:"side"`
				Product  struct {
					Name string `json:"name"`
				} `json:"product"`
				GCP struct {
					Project string `json:"project"`
				} `json:"gcp"`
				AWS struct {
					Vendor struct {
						Account string `json:"account"`
					} `json:"vendor"`
				} `json:"aws"`
			} `json:"waybill:customer"`
		} `json:"config"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		stack.Problem = fmt.Errorf("%s: %w", filepath.Base(path), err)
		return stack, claim{}
	}
	customer := file.Config.Customer
	stack.Customer, stack.Platform, stack.Side = customer.Slug, customer.Platform, cmp.Or(customer.Side, both)
	return stack, claim{customer.Slug, customer.Product.Name, customer.GCP.Project, customer.AWS.Vendor.Account}
}

// Select keeps the stacks whose name matches one of the patterns of match (all
// where it is empty) and none of exclude. The patterns are those of path.Match.
// A pattern that matches no stack at all is an error: it is a typing mistake
// that would pass for success. * asks for whatever there is.
func Select(stacks []Stack, match, exclude []string) ([]Stack, error) {
	var problems []error
	check := func(flag string, patterns []string) {
		for _, pattern := range patterns {
			if _, err := path.Match(pattern, ""); err != nil {
				problems = append(problems, fmt.Errorf("%s %q: want a pattern such as acme-* or [a-m]*: %w", flag, pattern, err))
				continue
			}
			if pattern != "*" && !slices.ContainsFunc(stacks, func(s Stack) bool { return matches(pattern, s.Name) }) {
				problems = append(problems, fmt.Errorf("%s %q: matches no stack: want one of %s", flag, pattern, strings.Join(names(stacks), ", ")))
			}
		}
	}
	check("--match", match)
	check("--exclude", exclude)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	any := func(patterns []string, name string) bool {
		return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, name) })
	}
	var kept []Stack
	for _, stack := range stacks {
		if (len(match) == 0 || any(match, stack.Name)) && !any(exclude, stack.Name) {
			kept = append(kept, stack)
		}
	}
	return kept, nil
}

func matches(pattern, name string) bool {
	matched, err := path.Match(pattern, name)
	return err == nil && matched
}

func names(stacks []Stack) []string {
	all := make([]string, 0, len(stacks))
	for _, stack := range stacks {
		all = append(all, stack.Name)
	}
	return all
}
