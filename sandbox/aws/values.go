package aws

import (
	"errors"
	"fmt"

	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
)

// failed words a failed request as the real provider does.
func failed(doing, noun, subject string, err error) error {
	if subject == "" {
		return fmt.Errorf("%s %s: %w", doing, noun, err)
	}
	return fmt.Errorf("%s %s (%s): %w", doing, noun, subject, err)
}

// putting is failed for documents that are put, be they new or not.
func putting(doing, noun, subject string, err error) error {
	if doing == "creating" || doing == "updating" {
		doing = "putting"
	}
	return failed(doing, noun, subject, err)
}

// errGone is the real provider's word for what a look-up does not find.
var errGone = errors.New("couldn't find resource")

// gone says whether a refusal is that the resource does not exist. The code of
// EKS is that of CloudWatch Logs, too.
func gone(err error) bool {
	return errors.Is(err, errGone) ||
		fault.Has(err, iam.NoSuchEntity, ecr.NotFound, ecr.PolicyNotFound, ecr.LifecycleNotFound, eks.NotFound, ecs.NotFound)
}

// withoutEmpty leaves out empty texts: what is empty is absent for Pulumi.
func withoutEmpty(object map[string]any) map[string]any {
	for key, value := range object {
		if value == "" {
			delete(object, key)
		}
	}
	return object
}
