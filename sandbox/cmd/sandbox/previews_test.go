package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A forged document keeps its form, so that no check of the form refuses it first.
func TestAForgedDocumentHasOtherValuesOfTheSameForm(t *testing.T) {
	refusals := map[string]string{}
	forged := ofAnother(map[string]any{
		"document": "accessGrant", "version": "1.0", "customer": "acme", "platform": "aks",
		"projectNumber": "731904826550",
		"registry":      "europe-west1-docker.pkg.dev",
		"repository":    "vendor-images/acme--bifrost",
		"pool":          "acme-pool",
		"environments":  []any{map[string]any{"name": "default", "roleArns": []any{"arn:aws:iam::333333333333:role/pull"}}},
	}, "", refusals)
	assert.Equal(t, map[string]any{
		"document": "accessGrant", "version": "1.0", "customer": "acme", "platform": "aks",
		"projectNumber": "842905937660",
		"registry":      "europe-west2-docker.pkg.dev",
		"repository":    "vendor-images-y/acme--bifrost",
		"pool":          "acme-pooy",
		"environments":  []any{map[string]any{"name": "default", "roleArns": []any{"arn:aws:iam::444444444444:role/pull"}}},
	}, forged)
	const byAnchor, byChange = "disagrees with the trust anchor", "and was "
	assert.Equal(t, map[string]string{
		"842905937660": byAnchor, "europe-west2-docker.pkg.dev": byAnchor, "arn:aws:iam::444444444444:role/pull": byAnchor,
		"vendor-images-y/acme--bifrost": byAnchor, "acme-pooy": byChange,
	}, refusals)
}
