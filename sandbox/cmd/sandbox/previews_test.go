package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A forged document keeps its form, so that no check of the form refuses it first.
func TestAForgedDocumentHasOtherValuesOfTheSameForm(t *testing.T) {
	forged, values := ofAnother(map[string]any{
		"document": "accessGrant", "version": "1.0", "customer": "acme", "platform": "aks",
		"projectNumber": "731904826550",
		"registry":      "europe-west1-docker.pkg.dev",
		"repository":    "vendor-images/acme--bifrost",
		"pool":          "acme-pool",
		"environments":  []any{map[string]any{"name": "default", "roleArns": []any{"arn:aws:iam::333333333333:role/pull"}}},
	})
	assert.Equal(t, map[string]any{
		"document": "accessGrant", "version": "1.0", "customer": "acme", "platform": "aks",
		"projectNumber": "842905937660",
		"registry":      "europe-west2-docker.pkg.dev",
		"repository":    "vendor-imagey/acme--bifrost",
		"pool":          "acme-pooy",
		"environments":  []any{map[string]any{"name": "default", "roleArns": []any{"arn:aws:iam::444444444444:role/pull"}}},
	}, forged)
	assert.ElementsMatch(t, []value{
		{"842905937660", true}, {"europe-west2-docker.pkg.dev", true}, {"vendor-imagey/acme--bifrost", true},
		{"arn:aws:iam::444444444444:role/pull", true}, {"acme-pooy", false},
	}, values)
	assert.Equal(t, "x-pool-x/b", somebodyElses("x-pool-y/b"))
	assert.Empty(t, somebodyElses(""))
}
