package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"waybill.example/waybill/components/aws"
	"waybill.example/waybill/internal/closest"
)

// placesTaken is when the lists below were taken. A key beside the location or the
// Region, newLocation or newRegion, takes one that is newer.
const placesTaken = "2026-11-27"

// googleLocations are Artifact Registry's, the multi-regions first
// (https://cloud.google.com/artifact-registry/docs/repositories/repo-locations).
var googleLocations = strings.Fields(`
	asia europe us
	africa-south1
	asia-east1 asia-east2 asia-northeast1 asia-northeast2 asia-northeast3 asia-south1 asia-south2 asia-southeast1 asia-southeast2 asia-southeast3
	australia-southeast1 australia-southeast2
	europe-central2 europe-north1 europe-north2 europe-southwest1
	europe-west1 europe-west2 europe-west3 europe-west4 europe-west6 europe-west8 europe-west9 europe-west10 europe-west12
	me-central1 me-central2 me-west1
	northamerica-northeast1 northamerica-northeast2 northamerica-south1 southamerica-east1 southamerica-west1
	us-central1 us-east1 us-east4 us-east5 us-south1 us-west1 us-west2 us-west3 us-west4`)

// awsRegions are those of the partitions that waybill knows
// (https://github.com/aws/aws-sdk-go-v2/blob/v1.47.7/internal/endpoints/awsrulesfn/partitions.json).
var awsRegions = strings.Fields(`
	af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1 ap-southeast-2
	ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1 eu-central-1 eu-central-2 eu-north-1
	eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2
	us-west-1 us-west-2 us-gov-east-1 us-gov-west-1 cn-north-1 cn-northwest-1 eusc-de-east-1`)

// azureRegions are those of Azure's public cloud, of Azure Government and of Azure in
// China (https://learn.microsoft.com/azure/reliability/regions-list,
// https://learn.microsoft.com/azure/azure-government/documentation-government-welcome,
// https://learn.microsoft.com/azure/china/concepts-service-availability).
var azureRegions = slices.Concat(azurePlaces["public"], azurePlaces["usgovernment"], azurePlaces["china"])

// azurePlaces are the regions by their cloud.
var azurePlaces = map[string][]string{
	"public": strings.Fields(`
	australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth brazilsoutheast canadacentral
	canadaeast centralindia centralus chilecentral denmarkeast eastasia eastus eastus2 francecentral francesouth germanynorth
	germanywestcentral indonesiacentral israelcentral italynorth japaneast japanwest jioindiacentral jioindiawest koreacentral koreasouth
	malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast norwaywest polandcentral qatarcentral southafricanorth
	southafricawest southcentralus southindia southeastasia spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest
	uaecentral uaenorth uksouth ukwest westcentralus westeurope westindia westus westus2 westus3`),
	"usgovernment": strings.Fields("usgovarizona usgoviowa usgovtexas usgovvirginia usdodcentral usdodeast"),
	"china":        strings.Fields("chinaeast chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3"),
}

// The first parts of places' names elsewhere, in other clouds and among people, with
// Google's and AWS's words for them.
var (
	googleWords = map[string]string{
		"eu": "europe", "emea": "europe", "ap": "asia", "ca": "northamerica", "sa": "southamerica", "il": "me", "af": "africa",
	}
	awsWords = map[string]string{
		"europe": "eu", "asia": "ap", "australia": "ap", "northamerica": "ca", "southamerica": "sa", "africa": "af",
	}
)

// checkLocation wants one of Artifact Registry's locations.
func checkLocation(s *Settings, _, text string) error {
	if slices.Contains(googleLocations, text) || s.GCP.NewLocation {
		return nil
	}
	return fmt.Errorf("%+q: is no location of Artifact Registry: want %s; gcp.newLocation: true takes one newer than %s",
		text, cmp.Or(nearest(text, googleLocations, googleWords), "a region, such as europe-west1, or asia, europe or us"), placesTaken)
}

// checkRegion wants one of AWS's Regions.
func checkRegion(s *Settings, key, text string) error {
	site := s.AWS.Customer
	if strings.HasPrefix(key, "aws.vendor.") {
		site = s.AWS.Vendor.AWSSite
	}
	_, err := aws.PartitionOf(text)
	switch {
	case slices.Contains(awsRegions, text), site.NewRegion && err == nil:
		return nil
	case errors.Is(err, aws.ErrIsolated):
		return err
	}
	return fmt.Errorf("%+q: is no AWS Region: want %s; %s: true takes one newer than %s",
		text, cmp.Or(nearest(text, awsRegions, awsWords), "one such as eu-central-1"), strings.Replace(key, ".region", ".newRegion", 1), placesTaken)
}

// checkAzureLocation wants one of Azure's regions. Their display names, such as West
// Europe, are written without spaces.
func checkAzureLocation(s *Settings, _, text string) error {
	cloud := cmp.Or(s.Azure.Cloud, "public")
	switch elsewhere := slices.Contains(azureRegions, text); {
	case slices.Contains(azurePlaces[cloud], text), !elsewhere && s.Azure.NewLocation:
		return nil
	case elsewhere:
		return fmt.Errorf("%q: is of another cloud than azure.cloud, %s: want one of its regions, such as %s", text, cloud, azurePlaces[cloud][0])
	}
	return fmt.Errorf("%+q: is no region of Azure: want %s; azure.newLocation: true takes one newer than %s",
		text, cmp.Or(nearestAzure(text), "one such as westeurope"), placesTaken)
}

// nearestAzure is nearest for names that have the points of the compass in front:
// europe-west1 is westeurope.
func nearestAzure(text string) string {
	parts := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune("-_ .", r) })
	name := strings.Join(parts, "")
	slices.Reverse(parts)
	turned := strings.Join(parts, "")
	return cmp.Or(nearest(name, azureRegions, nil), nearest(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, turned), azureRegions, nil))
}

// maxEdits is how many letters a place's name may differ from the one that was
// meant, most how many places are named.
const (
	maxEdits = 2
	most     = 4
)

// nearest says which of the known places was probably meant; empty where none is
// near.
func nearest(text string, known []string, words map[string]string) string {
	wanted := plain(text, known, words)
	zone := strings.TrimRight(wanted, "abcdef") // europe-west1-b, us-east-1a
	near := closest.Words(known, maxEdits, func(place string) int {
		name := strings.ReplaceAll(place, "-", "")
		d := min(closest.Edits(wanted, name), closest.Edits(zone, name))
		if len(wanted) > 3 && strings.HasPrefix(name, wanted) { // its number is missing
			d = min(d, 1)
		}
		return d
	})
	return closest.Meant("", near[:min(len(near), most)])
}

// plain is a place's name without what separates its parts, and with the known
// places' word in front: of a region, of a registry's host, or in Azure's order,
// westeurope.
func plain(text string, known []string, words map[string]string) string {
	text, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(text)), "-docker.")
	parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("-_ .", r) })
	if len(parts) > 0 && words[parts[0]] != "" {
		parts[0] = words[parts[0]]
	}
	name := strings.Join(parts, "")
	for _, place := range known {
		area, _, _ := strings.Cut(place, "-")
		if rest, last := strings.CutSuffix(name, area); last && rest != "" && len(area) > 2 {
			return area + rest
		}
	}
	return name
}
