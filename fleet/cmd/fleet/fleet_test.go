package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// Everything that needs the engine happens in one sandbox, whose world holds
// all customers; each test has customers of its own in it.
func TestTheFleetOnTheSandbox(t *testing.T) {
	root := makeProject(t, mixed(50))
	s := startSandbox(t, root)

	t.Run("fifty customers are previewed, and the broken one fails alone", func(t *testing.T) { previewFifty(t, s) })
	t.Run("what changed comes first and what did not is counted", func(t *testing.T) { previewDeployed(t, s) })
	t.Run("an interrupt stops cleanly and says what was not done", func(t *testing.T) { interruptUpdate(t, s) })
	t.Run("a killed update is recovered", func(t *testing.T) { recoverKilled(t, s) })
	t.Run("a killed fleet leaves a clean stack", func(t *testing.T) { killFleet(t, s) })
	t.Run("a change by hand is drift", func(t *testing.T) { findDrift(t, s) })
}

func previewFifty(t *testing.T, s *sandbox) {
	broken := filepath.Join(s.root, "Pulumi.ecs-03.yaml")
	right, err := os.ReadFile(broken)
	require.NoError(t, err)
	wrong := bytes.Replace(right, []byte("memory: 512"), []byte("memory: 513"), 1)
	require.NotEqual(t, right, wrong)
	require.NoError(t, os.WriteFile(broken, wrong, 0o600))
	defer func() { require.NoError(t, os.WriteFile(broken, right, 0o600)) }()
	before := contents(t, s.root)

	markdown := filepath.Join(t.TempDir(), "comment.md")
	r := s.fleet(t, 1, "preview", "--markdown", markdown)
	table := r.stdout.String()
	assert.Regexp(t, `(?m)^CUSTOMER +PLATFORM +CREATE +UPDATE +REPLACE +DELETE +STATUS +TIME$`, table)
	assert.Regexp(t, `(?m)^aks-01 +aks +[1-9]\d* +- +- +- +new +\S+s$`, table)
	assert.Regexp(t, `(?m)^eks-02 +eks +[1-9]\d* +- +- +- +new +\S+s$`, table)
	assert.Regexp(t, `(?m)^ecs-03 +ecs +- +- +- +- +failed +\S+s$`, table)
	assert.Contains(t, table, "513")
	assert.NotContains(t, table, "--init", "a wrong file is not mended by a record in the backend")
	assert.Contains(t, table, "1 failed, 49 new\n")
	assert.Contains(t, r.said.String(), "50/50 done")

	text, err := os.ReadFile(markdown)
	require.NoError(t, err)
	comment := string(text)
	assert.True(t, strings.HasPrefix(comment, "<!-- waybill-fleet -->\n## Fleet preview: 1 failed, 49 new\n"))
	assert.Less(t, strings.Index(comment, "### Failed"), strings.Index(comment, "### Changed"))
	assert.Equal(t, 49, strings.Count(comment, "| new |"))

	assert.Equal(t, before, contents(t, s.root), "a preview leaves the project's files as they are")
	inBackend, err := filepath.Glob(s.stateFile("*"))
	require.NoError(t, err)
	assert.Empty(t, inBackend, "and the backend without a stack")
}

// contents are the project's files by name.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "*"))
	require.NoError(t, err)
	all := map[string]string{}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			all[filepath.Base(file)] = string(text)
		}
	}
	return all
}

// stateFile is a stack's file in the backend.
func (s *sandbox) stateFile(stack string) string {
	return filepath.Join(strings.TrimPrefix(s.environment["PULUMI_BACKEND_URL"], "file://"), ".pulumi", "stacks", "waybill", stack+".json")
}

func previewDeployed(t *testing.T, s *sandbox) {
	failed := s.fleet(t, 1, "up", "--yes", "--match", "ecs-06", "--json").read()
	assert.Contains(t, strings.Join(failed.Stacks[0].Errors, "\n"), "deploy it with --init")
	deployed := s.fleet(t, 2, "up", "--yes", "--init", "--match", "ecs-0[69]", "--json").read()
	require.Len(t, deployed.Stacks, 2)
	for _, stack := range deployed.Stacks {
		assert.Equal(t, "changed", stack.Status)
		assert.Positive(t, stack.Create)
	}
	unchanged := s.fleet(t, 0, "preview", "--match", "ecs-0[69]", "--json").read()
	assert.Equal(t, "unchanged", unchanged.Stacks[0].Status)

	// Somebody changes one customer's file.
	path := filepath.Join(s.root, "Pulumi.ecs-09.yaml")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("memory: 512"), []byte("memory: 1024"), 1), 0o600))
	comment := s.fleet(t, 2, "preview", "--match", "ecs-0[69]", "--markdown", "-").stdout.String()
	assert.Contains(t, comment, "## Fleet preview: 1 changed, 1 unchanged")
	assert.Contains(t, comment, "| ecs-09 |")
	assert.Contains(t, comment, "aws:ecs/taskDefinition:TaskDefinition")
	assert.NotContains(t, comment, "ecs-06")
	assert.True(t, strings.HasSuffix(comment, "\n1 unchanged.\n"))
}

func interruptUpdate(t *testing.T, s *sandbox) {
	r := s.startFleet(t, "up", "--yes", "--init", "--parallel", "1", "--json", "--match", "aks-0[147]")
	require.True(t, r.until("aks-01: create ", 6))
	require.NoError(t, r.process.Process.Signal(os.Interrupt))
	require.Equal(t, 130, r.wait(), r.said.String())
	assert.Contains(t, r.said.String(), "interrupted: no other stack starts")
	document := r.read()
	var got []string
	for _, stack := range document.Stacks {
		got = append(got, stack.Stack+" "+stack.Status)
	}
	assert.Equal(t, []string{"aks-01 interrupted", "aks-04 not started", "aks-07 not started"}, got)
	assert.Equal(t, 130, document.Exit)
	// No lock and nothing in flight is left: the next update goes on.
	assert.Equal(t, "changed", s.fleet(t, 2, "up", "--yes", "--match", "aks-01", "--json").read().Stacks[0].Status)
	s.fleet(t, 0, "preview", "--match", "aks-01")
}

func recoverKilled(t *testing.T, s *sandbox) {
	found := 0
	for _, c := range []struct {
		stack       string
		steps       int
		halfWritten bool
	}{
		{"aks-10", 3, false}, {"aks-13", 8, true}, {"aks-16", 12, false}, {"aks-19", 17, false}, {"aks-22", 24, false},
		{"ecs-12", 2, false}, {"ecs-15", 7, false}, {"ecs-18", 11, false},
	} {
		t.Run(fmt.Sprintf("%s after %d steps", c.stack, c.steps), func(t *testing.T) {
			r := s.startFleet(t, "up", "--yes", "--init", "--match", c.stack)
			require.True(t, r.until(c.stack+": create ", c.steps), r.said.String())
			r.killEngine()
			require.Equal(t, 1, r.wait(), r.said.String())
			assert.Contains(t, r.stdout.String(), "`fleet recover "+c.stack+"`")
			if c.halfWritten {
				// The engine writes this file in place, and can be killed in between.
				require.NoError(t, os.WriteFile(s.stateFile(c.stack)+".attrs", nil, 0o600))
			}
			locked := s.fleet(t, 1, "up", "--yes", "--match", c.stack)
			assert.Contains(t, locked.stdout.String(), "`fleet recover "+c.stack+"`")

			mending := s.startFleet(t, "recover", c.stack, "--yes", "--json")
			// Where the kill came after the last creation, there is nothing left to make.
			require.Contains(t, []int{0, 2}, mending.wait(), mending.said.String()+mending.stdout.String())
			recovered := mending.read()
			for _, resource := range recovered.Stacks[0].Resources {
				assert.Equal(t, "create", resource.Operation, "what exists is neither changed nor replaced: %s", resource.Name)
			}
			steps := strings.Join(recovered.Stacks[0].Steps, "\n")
			assert.Contains(t, steps, "took the lock away")
			found += strings.Count(steps, "exists, and is in the state")
			s.fleet(t, 0, "preview", "--match", c.stack)
			s.fleet(t, 0, "drift", "--match", c.stack)
		})
	}
	assert.Positive(t, found, "no kill left a resource in a cloud that was not in the state: the test proves nothing")
}

func killFleet(t *testing.T, s *sandbox) {
	const stack = "aks-25"
	r := s.startFleet(t, "up", "--yes", "--init", "--match", stack)
	require.True(t, r.until(stack+": create ", 10), r.said.String())
	require.NoError(t, r.process.Process.Signal(syscall.SIGKILL))
	r.wait()
	// The engine outlives it, and ends by itself once the program is gone.
	backend := strings.TrimPrefix(s.environment["PULUMI_BACKEND_URL"], "file://")
	require.Eventually(t, func() bool {
		locks, err := filepath.Glob(filepath.Join(backend, ".pulumi", "locks", "*", "*", stack, "*.json"))
		return err == nil && len(locks) == 0
	}, patience, patience/100)
	s.fleet(t, 2, "up", "--yes", "--match", stack)
	s.fleet(t, 0, "preview", "--match", stack)
}

func findDrift(t *testing.T, s *sandbox) {
	const stack, namespace = "aks-28", "product-28"
	assert.Equal(t, "not deployed", s.fleet(t, 0, "drift", "--match", stack, "--json").read().Stacks[0].Status)
	s.fleet(t, 2, "up", "--yes", "--init", "--match", stack)
	s.fleet(t, 0, "drift", "--match", stack)

	s.kubernetes(t, http.MethodDelete, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+namespace+"/rolebindings", "")
	// The clouds are the sandbox's memory: a change by hand is one in its store.
	s.stop()
	store := filepath.Join(s.root, ".sandbox", worldName, "azure.json")
	text, err := os.ReadFile(store)
	require.NoError(t, err)
	subject := []byte("system:serviceaccount:" + namespace + ":")
	require.Equal(t, 1, bytes.Count(text, subject))
	require.NoError(t, os.WriteFile(store, bytes.Replace(text, subject, []byte("system:serviceaccount:elsewhere:"), 1), 0o600))
	s.start()

	drifted := s.fleet(t, 2, "drift", "--match", stack, "--json").read().Stacks[0]
	assert.Equal(t, "changed", drifted.Status)
	var got []string
	for _, resource := range drifted.Resources {
		got = append(got, fmt.Sprintf("%s %s %v", resource.Operation, resource.Type, resource.Properties))
	}
	assert.ElementsMatch(t, []string{
		"update azure-native:managedidentity:FederatedIdentityCredential [subject]",
		"delete kubernetes:rbac.authorization.k8s.io/v1:RoleBinding []",
	}, got)
}

// kubernetes asks the cluster's API, as somebody with a kubeconfig would.
func (s *sandbox) kubernetes(t *testing.T, method, path, body string) {
	t.Helper()
	text, err := os.ReadFile(s.environment["KUBECONFIG"])
	require.NoError(t, err)
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server string `json:"server"`
				CA     string `json:"certificate-authority-data"`
			} `json:"cluster"`
		} `json:"clusters"`
		Users []struct {
			User struct {
				Token string `json:"token"`
			} `json:"user"`
		} `json:"users"`
	}
	require.NoError(t, yaml.Unmarshal(text, &config))
	authority, err := base64.StdEncoding.DecodeString(config.Clusters[0].Cluster.CA)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(authority))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	request, err := http.NewRequestWithContext(t.Context(), method, config.Clusters[0].Cluster.Server+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+config.Users[0].User.Token)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Less(t, response.StatusCode, 300)
}
