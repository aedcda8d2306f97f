package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// A forged document keeps its form, so that no check of the form refuses it first.
func TestAForgedDocumentHasOtherValuesOfTheSameForm(t *testing.T) {
	document := map[string]any{
		"document": "accessGrant", "version": "1.0", "customer": "acme", "platform": "aks",
		"projectNumber":  "731904826550",
		"registry":       "europe-west1-docker.pkg.dev",
		"repository":     "vendor-images/acme--bifrost",
		"serviceAccount": "reader@vendor-images.iam.gserviceaccount.com",
		"pool":           "acme-pool",
		"environments":   []any{map[string]any{"name": "default", "roleArns": []any{"arn:aws:iam::333333333333:role/pull"}}},
	}
	other, values := forge(document, somebodyElses)
	assert.Equal(t, map[string]any{
		"document": "accessGrant", "version": "1.0", "customer": "acme", "platform": "aks",
		"projectNumber":  "842905937660",
		"registry":       "europe-west2-docker.pkg.dev",
		"repository":     "vendor-images-a/acme--bifrost",
		"serviceAccount": "reader@vendor-imagea.iam.gserviceaccount.com",
		"pool":           "acme-pooa",
		"environments":   []any{map[string]any{"name": "default", "roleArns": []any{"arn:aws:iam::444444444444:role/pull"}}},
	}, other)
	assert.ElementsMatch(t, []value{
		{"842905937660", true}, {"europe-west2-docker.pkg.dev", true}, {"vendor-images-a/acme--bifrost", true},
		{"reader@vendor-imagea.iam.gserviceaccount.com", true}, {"acme-pooa", false}, {"arn:aws:iam::444444444444:role/pull", true},
	}, values)

	_, values = forge(document, anotherOfTheirs)
	assert.ElementsMatch(t, []value{
		{"readea@vendor-images.iam.gserviceaccount.com", false}, {"acme-pooa", false}, {"arn:aws:iam::333333333333:role/pula", false},
	}, values)
	assert.Equal(t, "pool-b/x", somebodyElses("", "pool-a/x"))
	assert.Empty(t, somebodyElses("", ""))
	assert.Empty(t, anotherOfTheirs("pool", ""))
}
