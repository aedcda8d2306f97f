package aws

import (
	"fmt"
	"regexp"
	"strings"

	"waybill.example/waybill/components/check"
)

// accountPattern is 12 digits, as text: some account IDs start with 0.
var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// site is an account in a Region: where resources are, and what their ARNs say.
type site struct {
	account, region string
	partition       Partition
}

// siteOf is a site whose partition is empty where the Region is none; check
// reports that.
func siteOf(account, region string) site {
	partition, _ := PartitionOf(region)
	return site{account: account, region: region, partition: partition}
}

// check reports what is wrong with a site.
func (s site) check(p *check.Problems, key, wish string) {
	checkAccount(p, key+"account", s.account, wish)
	_, err := PartitionOf(s.region)
	p.Error(key+"region", err)
}

// sound says whether ARNs can be compared with the site: one that is wrong in
// itself is reported once, not with everything that disagrees with it.
func (s site) sound() bool { return s.partition.Name != "" && accountPattern.MatchString(s.account) }

func checkAccount(p *check.Problems, key, value, wish string) {
	if !accountPattern.MatchString(value) {
		p.Add(key, "%q: want %s, 12 digits", value, wish)
	}
}

// arn is the ARN of something of this account and Region.
func (s site) arn(service, resource string) string {
	return fmt.Sprintf("arn:%s:%s:%s:%s:%s", s.partition.Name, service, s.region, s.account, resource)
}

// iamARN is the ARN of something of IAM, which has no Regions.
func (s site) iamARN(resource string) string {
	return fmt.Sprintf("arn:%s:iam::%s:%s", s.partition.Name, s.account, resource)
}

// arn is an ARN in its parts.
type arn struct{ partition, service, region, account, resource string }

// arnParts is the number of parts between the colons; the last may hold more.
const arnParts = 6

// parseARN gives the parts of an ARN; those of anything else are empty.
func parseARN(text string) arn {
	parts := strings.SplitN(text, ":", arnParts)
	if len(parts) != arnParts || parts[0] != "arn" {
		return arn{}
	}
	return arn{partition: parts[1], service: parts[2], region: parts[3], account: parts[4], resource: parts[5]}
}

// within says whether the ARN is of a service in the site's partition and Region.
func (a arn) within(s site, service string) bool {
	return a.partition == s.partition.Name && a.service == service && a.region == s.region
}

// abroad says whether the ARN is of a service in any account and Region of the
// site's partition.
func (a arn) abroad(s site, service string) bool {
	partition, err := PartitionOf(a.region)
	return err == nil && partition.Name == s.partition.Name && a.partition == s.partition.Name && a.service == service && accountPattern.MatchString(a.account)
}

// keyPattern is a KMS key in its ARN; aliases move, so that they pin nothing.
var keyPattern = regexp.MustCompile(`^key/(mrk-)?[A-Za-z0-9-]+$`)

// checkKey reports a value that is no ARN of a KMS key of the site's Region.
func checkKey(p *check.Problems, key, value string, s site) {
	if !s.sound() {
		return
	}
	a := parseARN(value)
	if !a.within(s, "kms") || !accountPattern.MatchString(a.account) || !keyPattern.MatchString(a.resource) {
		p.Add(key, "%q: want a KMS key's ARN, arn:%s:kms:%s:ACCOUNT:key/ID", value, s.partition.Name, s.region)
	}
}
