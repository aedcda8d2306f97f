package ecr

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"

	"waybill.example/waybill/sandbox/aws/arn"
)

// nameForm and its length are those of
// https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
var nameForm = regexp.MustCompile(`^(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*$`)

var encryptions = []string{"AES256", "KMS", "KMS_DSSE"}

// check applies the rules of CreateRepository to settings.
func (s Settings) check(operation string, place arn.Place) error {
	switch {
	case len(s.Name) < 2 || len(s.Name) > 256:
		return invalidParameter(operation, "repositoryName", "must have length between 2 and 256, inclusive")
	case !nameForm.MatchString(s.Name):
		return invalidParameter(operation, "repositoryName", "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'")
	case s.Mutability != Mutable && s.Mutability != Immutable:
		return invalidParameter(operation, "imageTagMutability", "must satisfy enum value set: [IMMUTABLE, MUTABLE]")
	case !slices.Contains(encryptions, s.Encryption):
		return invalidParameter(operation, "encryptionConfiguration.encryptionType", "must satisfy enum value set: [AES256, KMS, KMS_DSSE]")
	case s.KMSKey != "" && s.Encryption == "AES256":
		return invalidParameter(operation, "encryptionConfiguration.kmsKey", "KMS key can only be specified for the KMS encryption types")
	case s.KMSKey != "" && !keyIn(s.KMSKey, place):
		return api.Refuse(operation, http.StatusBadRequest, "KmsException",
			"The KMS key %s cannot be used: it must exist in Region %s", s.KMSKey, place.Region)
	case len(s.Tags) > maxTags:
		return api.Refuse(operation, http.StatusBadRequest, "TooManyTagsException", "The number of tags %d exceeds the limit of %d", len(s.Tags), maxTags)
	}
	return nil
}

// maxTags is the number of tags that a repository may carry:
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-using-tags.html
const maxTags = 50

// keyIn says whether a KMS key, given by its ARN, is in the repository's Region,
// as it must be. Keys by ID or alias are in it by definition.
func keyIn(key string, place arn.Place) bool {
	name, isARN := arn.Parse(key)
	return !isARN || name.Service == "kms" && name.Region == place.Region && name.Partition == place.Partition().Name
}

// invalidParameter is ECR's answer to a value that breaks a constraint.
func invalidParameter(operation, parameter, constraint string) error {
	return api.Refuse(operation, http.StatusBadRequest, "InvalidParameterException", "%s",
		fmt.Sprintf("Invalid parameter at '%s' failed to satisfy constraint: '%s'", parameter, constraint))
}

func notFound(operation string, place arn.Place, name string) error {
	return api.Refuse(operation, http.StatusBadRequest, NotFound,
		"The repository with name '%s' does not exist in the registry with id '%s'", name, place.Account)
}
