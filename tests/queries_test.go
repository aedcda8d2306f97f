package tests_test

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// auditLogs are the clouds whose logs docs/runbooks.md asks. Each has the fields, with
// their paths, and the values that the page names, with the address that documents it.
var auditLogs = map[string]map[string]string{
	"Google Cloud": {
		"DATA_READ":                "https://cloud.google.com/artifact-registry/docs/audit-logging",
		"protoPayload.serviceName": "https://cloud.google.com/artifact-registry/docs/audit-logging",
		"protoPayload.authenticationInfo.principalEmail": "https://cloud.google.com/logging/docs/reference/audit/auditlog/rest/Shared.Types/AuditLog",
		"artifactregistry.googleapis.com":                "https://cloud.google.com/artifact-registry/docs/audit-logging",
	},
	"AWS": {
		"eventSource": "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html",
		"eventName":   "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html",
		"userIdentity.sessionContext.sessionIssuer.arn": "https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html",
		"ecr.amazonaws.com":                             "https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html",
		"BatchGetImage":                                 "https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html",
		"GetDownloadUrlForLayer":                        "https://docs.aws.amazon.com/AmazonECR/latest/userguide/logging-using-cloudtrail.html",
	},
}

// auditQuery is a query with the marker above it.
var auditQuery = regexp.MustCompile("(?m)(?:^<!-- (.+) -->\n)?^```\n((?s:.*?))^```$")

// A log that has no such field answers with nothing, and nobody pulled.
func TestTheAuditQueriesAskForDocumentedFields(t *testing.T) {
	rest, section, found := strings.Cut(read(t, filepath.Join("..", "docs", "runbooks.md")), "\n## Who pulled what\n")
	require.True(t, found)
	assert.NotContains(t, regexp.MustCompile("(?m)^```sh\n(?s:.*?)^```$").ReplaceAllString(rest, ""), "```", "a query outside of its section")

	parts := strings.Split(section, "\nOn ")[1:]
	require.Len(t, parts, len(auditLogs))
	for cloud, documented := range auditLogs {
		at := slices.IndexFunc(parts, func(part string) bool { return strings.HasPrefix(part, cloud) })
		require.GreaterOrEqual(t, at, 0, cloud)
		var words []string
		for _, query := range auditQuery.FindAllStringSubmatch(parts[at], -1) {
			assert.Regexp(t, "^cloud: .", query[1], "want <!-- cloud: WHY --> above:\n%s", query[2])
			for line := range strings.Lines(query[2]) {
				comparison := regexp.MustCompile(`^([\w.]+)="([^"]+)"\n$`).FindStringSubmatch(line)
				require.NotNil(t, comparison, line)
				words = append(words, comparison[1])
				account, email := strings.CutSuffix(comparison[2], "@PROJECT.iam.gserviceaccount.com")
				if !email {
					words = append(words, comparison[2])
					continue
				}
				deployed := regexp.MustCompile("[A-Z]+").ReplaceAllString(account, "[a-z0-9]+")
				assert.Regexp(t, `(?m)^  accountId = `+deployed+`$`, read(t, filepath.Join("testdata", "dev.golden")))
			}
		}
		prose := auditQuery.ReplaceAllString(parts[at], "")
		assert.NotContains(t, prose, "```", "want a query without a language")
		for _, match := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(prose, -1) {
			words = append(words, match[1])
		}
		assert.ElementsMatch(t, slices.Collect(maps.Keys(documented)), words, cloud)
		for _, address := range regexp.MustCompile(`<(https://[^>]+)>`).FindAllStringSubmatch(prose, -1) {
			assert.Contains(t, slices.Collect(maps.Values(documented)), address[1], cloud)
		}
	}
}
