// Package recorder runs a Pulumi program against mocks and keeps what it
// registered: type, name, parent, provider, inputs, options, dependencies.
// Tests assert on these registrations, never inside an ApplyT, which does not
// run on an unknown value.
package recorder

import (
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"waybill.example/waybill/stacks/record"
)

// ProjectNumber is the number of every project in the mocks, AmazonAccount and
// AmazonRegion are where everything on AWS is.
const (
	ProjectNumber = "123456789012"
	AmazonAccount = "222233334444"
	AmazonRegion  = "eu-central-1"
)

// clouds know everything.
var clouds = record.Cloud{
	ProjectNumber: ProjectNumber,
	Site:          func(string) (account, region string) { return AmazonAccount, AmazonRegion },
	Identity: func(name, _ string) record.Identity {
		return record.Identity{TenantID: GUID("tenant"), ClientID: GUID(name + "client"), PrincipalID: GUID(name + "principal")}
	},
	Association: "a-0123456789abcdef0", Revision: "1",
}

// Registration is one resource as the program registered it.
type Registration = record.Registration

// Plain takes the secrecy off a value and off everything inside it.
func Plain(value resource.PropertyValue) resource.PropertyValue { return record.Plain(value) }

// Recorder is a mock that answers like the clouds do.
type Recorder struct {
	// Preview makes every computed output unknown, as in `pulumi preview`.
	Preview bool
	// Config and Secrets are the stack's configuration, and its secret keys.
	Config  map[string]string
	Secrets []string
	// Functions answer invokes by token.
	Functions map[string]func(args resource.PropertyMap) (resource.PropertyMap, error)
	// Reads answer reads by type.
	Reads map[string]func(id string) (resource.PropertyMap, error)

	record.Log
}

// Run runs the program to its end.
func (r *Recorder) Run(program pulumi.RunFunc) error {
	return pulumi.RunErr(program, pulumi.WithMocks("waybill", "test", r), func(info *pulumi.RunInfo) {
		info.DryRun = r.Preview
		info.Config = r.Config
		info.ConfigSecretKeys = r.Secrets
	})
}

// Call answers an invoke.
func (r *Recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	if answer, found := r.Functions[args.Token]; found {
		return answer(args.Args)
	}
	return nil, fmt.Errorf("the test answers no function %s", args.Token)
}

// NewResource records a registration or a read.
func (r *Recorder) NewResource(args pulumi.MockResourceArgs) (string, resource.PropertyMap, error) {
	registration, err := r.Note(args)
	if err != nil {
		return "", nil, err
	}
	if registration.Read {
		answer, found := r.Reads[args.TypeToken]
		if !found {
			return "", nil, fmt.Errorf("the test answers no read of %s", args.TypeToken)
		}
		state, err := answer(args.ID)
		return args.ID, state, err
	}
	preview := r.Preview && args.Custom && !strings.HasPrefix(args.TypeToken, "pulumi:providers:")
	if preview && !strings.HasPrefix(args.TypeToken, "kubernetes:") {
		return "", args.Inputs, nil
	}
	state, _ := clouds.Answer(registration)
	if preview {
		return "", state, nil
	}
	if metadata := state["metadata"]; metadata.IsObject() { // the API server's
		metadata.ObjectValue()["uid"] = resource.NewProperty(GUID(args.TypeToken + args.Name))
	}
	return args.Name + "-id", state, nil
}

// GUID is a GUID that is always the same for the same seed.
func GUID(seed string) string {
	hash := fnv.New128a()
	_, _ = hash.Write([]byte(seed)) // never fails
	sum := hash.Sum(nil)
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:])
}
