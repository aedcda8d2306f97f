// Package externalaccount renders Google's credential configuration for
// workload identity federation (docs/facts.md §3) from identifiers, and has the
// paths that the file shares with the refresher's pod. It is the single source for
// both, so the ConfigMap and the pod's mounts cannot differ.
package externalaccount

import (
	"encoding/json"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// Where the refresher's pod keeps what the configuration names.
const (
	// SubjectTokenFile is the projected ServiceAccount token that starts the chain.
	SubjectTokenFile = SubjectTokenDir + "/token"
	// SubjectTokenDir is where that token's volume is mounted.
	SubjectTokenDir = "/var/run/secrets/waybill/subject"
	// SubjectTokenCommand prints Entra's token in the form that Google's
	// clients expect of an executable source.
	SubjectTokenCommand = "/refresher subject-token"
	// subjectTokenTimeoutMillis is how long Google's clients wait for it.
	subjectTokenTimeoutMillis = 30000
)

// Source is where Google's clients take the subject token from.
type Source string

// The two sources that waybill renders.
const (
	// Executable asks SubjectTokenCommand: the provider trusts Entra, whose
	// token endpoint wants a POST, which the url source cannot do.
	Executable Source = "executable"
	// File reads SubjectTokenFile: the provider trusts the cluster.
	File Source = "file"
)

// Identifiers name one provider and one service account. None is secret.
type Identifiers struct {
	// ProjectNumber is the number of the pool's project, never its ID.
	ProjectNumber string
	// Pool and Provider are the IDs, without their paths.
	Pool, Provider string
	// ServiceAccount is the email of the account that is impersonated.
	ServiceAccount string
}

// ProviderName is the provider's full resource name without a scheme.
func (i Identifiers) ProviderName() string {
	return fmt.Sprintf("//iam.googleapis.com/projects/%s/locations/global/workloadIdentityPools/%s/providers/%s",
		i.ProjectNumber, i.Pool, i.Provider)
}

// Inputs are Identifiers that other resources may produce.
type Inputs struct {
	ProjectNumber, Pool, Provider, ServiceAccount pulumi.StringInput
}

func (i Inputs) apply(render func(Identifiers) (string, error)) pulumi.StringOutput {
	return pulumi.All(i.ProjectNumber, i.Pool, i.Provider, i.ServiceAccount).ApplyT(func(v []any) (string, error) {
		return render(Identifiers{
			ProjectNumber: v[0].(string), Pool: v[1].(string), Provider: v[2].(string), ServiceAccount: v[3].(string),
		})
	}).(pulumi.StringOutput)
}

// ProviderName is Identifiers' once they are known.
func (i Inputs) ProviderName() pulumi.StringOutput {
	return i.apply(func(known Identifiers) (string, error) { return known.ProviderName(), nil })
}

// Render renders the configuration once the identifiers are known.
func (i Inputs) Render(source Source) pulumi.StringOutput {
	return i.apply(func(known Identifiers) (string, error) { return Render(known, source) })
}

type configuration struct {
	Type                           string           `json:"type"`
	Audience                       string           `json:"audience"`
	SubjectTokenType               string           `json:"subject_token_type"`
	TokenURL                       string           `json:"token_url"`
	ServiceAccountImpersonationURL string           `json:"service_account_impersonation_url"`
	CredentialSource               credentialSource `json:"credential_source"`
}

type credentialSource struct {
	Executable *executable `json:"executable,omitempty"`
	File       string      `json:"file,omitempty"`
	Format     *format     `json:"format,omitempty"`
}

type executable struct {
	Command       string `json:"command"`
	TimeoutMillis int    `json:"timeout_millis"`
}

type format struct {
	Type string `json:"type"`
}

// Render gives the configuration as indented JSON with a newline at its end.
func Render(i Identifiers, source Source) (string, error) {
	c := configuration{
		Type:             "external_account",
		Audience:         i.ProviderName(),
		SubjectTokenType: "urn:ietf:params:oauth:token-type:jwt",
		TokenURL:         "https://sts.googleapis.com/v1/token",
		ServiceAccountImpersonationURL: fmt.Sprintf(
			"https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/%s:generateAccessToken", i.ServiceAccount),
	}
	switch source {
	case Executable:
		c.CredentialSource.Executable = &executable{Command: SubjectTokenCommand, TimeoutMillis: subjectTokenTimeoutMillis}
	case File:
		c.CredentialSource.File = SubjectTokenFile
		c.CredentialSource.Format = &format{Type: "text"}
	default:
		return "", fmt.Errorf("credential source %q: want %s or %s", source, Executable, File)
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", fmt.Errorf("credential configuration: %w", err)
	}
	return string(text) + "\n", nil
}
