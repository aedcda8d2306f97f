package sandbox_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var terraformBlocks = regexp.MustCompile("(?s)```hcl\n(.*?\n)```")

// Every guide's Terraform is what Terraform's own parser reads, as one configuration:
// each address once, and each that is referred to is there.
func TestTheTerraformOfEveryGuideParses(t *testing.T) {
	files, err := filepath.Glob("../Pulumi.*.yaml")
	require.NoError(t, err)
	examples, err := filepath.Glob("../examples/Pulumi.*.yaml")
	require.NoError(t, err)
	for _, file := range append(files, examples...) {
		stack := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "Pulumi."), ".yaml")
		t.Run(stack, func(t *testing.T) {
			command := exec.Command(filepath.Join(".build", "bin", "waybill"), "guide", stack, "--for", "terraform")
			command.Dir = ".."
			var errs bytes.Buffer
			command.Stderr = &errs
			guide, err := command.Output()
			require.NoError(t, err, errs.String())
			var text strings.Builder
			for _, block := range terraformBlocks.FindAllSubmatch(guide, -1) {
				text.Write(block[1])
			}
			parsed, problems := hclsyntax.ParseConfig([]byte(text.String()), stack+".tf", hcl.InitialPos)
			require.False(t, problems.HasErrors(), problems.Error())

			body := parsed.Body.(*hclsyntax.Body)
			made := map[string]bool{}
			for _, block := range body.Blocks {
				address := strings.Join(append([]string{block.Type}, block.Labels...), ".")
				if block.Type == "provider" {
					if alias, found := block.Body.Attributes["alias"]; found {
						value, problems := alias.Expr.Value(nil)
						require.False(t, problems.HasErrors(), problems.Error())
						address += "." + value.AsString()
					}
				}
				if block.Type != "terraform" {
					assert.False(t, made[address], "%s stands twice", address)
				}
				made[address] = true
			}
			problems = hclsyntax.VisitAll(body, func(node hclsyntax.Node) hcl.Diagnostics {
				reference, is := node.(*hclsyntax.ScopeTraversalExpr)
				if !is {
					return nil
				}
				var parts []string
				for _, step := range reference.Traversal {
					switch step := step.(type) {
					case hcl.TraverseRoot:
						parts = append(parts, step.Name)
					case hcl.TraverseAttr:
						parts = append(parts, step.Name)
					}
				}
				switch kind := parts[0]; kind {
				case "data":
					assert.True(t, made[strings.Join(parts[:3], ".")], "%v is nowhere", parts)
				case "aws":
					assert.True(t, made["provider."+strings.Join(parts[:2], ".")], "%v is nowhere", parts)
				default:
					assert.True(t, made["resource."+strings.Join(parts[:2], ".")], "%v is nowhere", parts)
				}
				return nil
			})
			require.False(t, problems.HasErrors(), problems.Error())
		})
	}
}
