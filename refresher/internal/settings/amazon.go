package settings

import (
	"fmt"
	"net/url"

	"waybill.example/waybill/refresher/internal/awsname"
)

// amazon reads what the trusts of AWS need. The variables of Amazon's own SDKs stand in the pod for other clients in it, and must say the same: the
// refresher takes nothing from them.
func (r *reader) amazon(s Settings) *awsname.Identifiers {
	i := &awsname.Identifiers{
		Role:   parsed(r, "WAYBILL_AWS_ROLE_ARN", awsname.ParseRole),
		Region: parsed(r, "WAYBILL_AWS_REGION", awsname.ParseRegion),
	}
	if s.Image != nil {
		var err error
		if i.Registry, err = awsname.ParseRegistry(s.Image.Context().RegistryStr()); err != nil {
			r.refuse("WAYBILL_IMAGE", s.Image.String(), err.Error())
		}
	}
	r.partitions(s, i)
	if value := r.optional("AWS_EC2_METADATA_DISABLED"); value != "true" {
		r.refuse("AWS_EC2_METADATA_DISABLED", value, "want true: nothing in this pod may fall back to the node's role")
	}
	if s.Trust == TrustIRSA {
		if role := r.optional("WAYBILL_AWS_ROLE_ARN"); role != "" {
			r.same("AWS_ROLE_ARN", "WAYBILL_AWS_ROLE_ARN", role)
		}
		r.same("AWS_WEB_IDENTITY_TOKEN_FILE", "WAYBILL_SUBJECT_TOKEN_FILE", s.SubjectTokenFile)

		return i
	}
	i.AgentURL = r.agent("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	r.same("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "WAYBILL_SUBJECT_TOKEN_FILE", s.SubjectTokenFile)

	return i
}

// partitions refuses a chain that would leave its partition: no identity of one is known in another.
func (r *reader) partitions(s Settings, i *awsname.Identifiers) {
	role := i.Role.Partition
	if role == "" {
		return
	}
	if own := i.Region.Partition.ID; own != "" && own != role {
		r.refuse("WAYBILL_AWS_REGION", i.Region.Name, fmt.Sprintf("want a Region of the role's partition, %s", role))
	}
	if own := i.Registry.Region.Partition.ID; own != "" && own != role {
		r.refuse("WAYBILL_IMAGE", s.Image.String(), fmt.Sprintf("want a registry of the role's partition, %s", role))
	}
}

// agent reads the address of the Pod Identity agent. It is shown the ServiceAccount token without TLS, so the node's own two addresses are all that pass.
func (r *reader) agent(key string) string {
	value, ok := r.required(key)
	if ok && value != awsname.AgentURL && value != awsname.AgentURLv6 {
		u, _ := url.Parse(value)
		r.refuse(key, redactURL(u), "want "+awsname.AgentURL+" or "+awsname.AgentURLv6)

		return ""
	}

	return value
}

// onlyAudience reads the audience of trusts that take one alone.
func (r *reader) onlyAudience(want string) []string {
	if value := r.optional("WAYBILL_SUBJECT_AUDIENCE"); value != "" && value != want {
		r.refuse("WAYBILL_SUBJECT_AUDIENCE", value, "want "+want)
	}

	return []string{want}
}

// parsed reads a required variable with a parser whose error is the wish.
func parsed[T any](r *reader, key string, parse func(string) (T, error)) T {
	value, ok := r.required(key)
	if !ok {
		var none T

		return none
	}
	read, err := parse(value)
	if err != nil {
		r.refuse(key, value, err.Error())
	}

	return read
}
