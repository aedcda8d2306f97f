package settings

import (
	"fmt"
	"net/url"

	"waybill.example/waybill/refresher/internal/awsname"
)

// amazon reads what the trusts of AWS need. The variables are those of Amazon's own SDKs, for other clients in the pod;
// the refresher hands their values to explicit providers.
func (r *reader) amazon(registry string, trust Trust) *awsname.Identifiers {
	i := &awsname.Identifiers{
		Role:   parsed(r, "AWS_ROLE_ARN", awsname.ParseRole),
		Region: parsed(r, "AWS_REGION", awsname.ParseRegion),
	}
	if registry != "" {
		var err error
		if i.Registry, err = awsname.ParseRegistry(registry); err != nil {
			r.refuse("WAYBILL_REGISTRY", registry, err.Error())
		}
	}
	// No identity of one partition is known in another.
	for _, at := range []struct {
		key    string
		region awsname.Region
	}{{"AWS_REGION", i.Region}, {"WAYBILL_REGISTRY", i.Registry.Region}} {
		if own := at.region.Partition.ID; i.Role.Partition != "" && own != "" && own != i.Role.Partition {
			r.refuse(at.key, r.optional(at.key), fmt.Sprintf("want the role's partition, %s", i.Role.Partition))
		}
	}
	if value := r.optional("AWS_EC2_METADATA_DISABLED"); value != "true" {
		r.refuse("AWS_EC2_METADATA_DISABLED", value, "want true: nothing in this pod may fall back to the node's role")
	}
	if trust == TrustPodIdentity {
		i.AgentURL = r.agent("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	}
	return i
}

// agent reads the address of the Pod Identity agent. It is shown the ServiceAccount token without TLS, so the node's own
// two addresses are all that pass.
func (r *reader) agent(key string) string {
	value, ok := r.required(key)
	if ok && value != awsname.AgentURL && value != awsname.AgentURLv6 {
		u, _ := url.Parse(value)
		r.refuse(key, redactURL(u), "want "+awsname.AgentURL+" or "+awsname.AgentURLv6)
		return ""
	}
	return value
}

// parsed reads a required variable with a parser whose error is the wish.
func parsed[T any](r *reader, key string, parse func(string) (T, error)) (read T) {
	value, ok := r.required(key)
	if !ok {
		return read
	}
	read, err := parse(value)
	if err != nil {
		r.refuse(key, value, err.Error())
	}
	return read
}
