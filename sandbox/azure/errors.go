package azure

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a refusal of the Azure Resource Manager.
type Error struct {
	// Status is the HTTP status, for example 409.
	Status int
	// Code is Azure's error code, for example ResourceGroupNotFound.
	Code    string
	Message string
}

// Error words the refusal as the azure-native provider 2 prints it.
func (e *Error) Error() string {
	return fmt.Sprintf("autorest/azure: Service returned an error. Status=%d Code=%q Message=%q", e.Status, e.Code, e.Message)
}

// refusing makes refusals of one kind, whose message has the values.
func refusing(status int, code, format string) func(values ...any) error {
	return func(values ...any) error { return &Error{status, code, fmt.Sprintf(format, values...)} }
}

var (
	subscriptionNotFound = refusing(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.")
	wrongTenant          = refusing(http.StatusUnauthorized, "InvalidAuthenticationTokenTenant",
		"The access token is from the wrong issuer 'https://sts.windows.net/%s/'. It must match the tenant 'https://sts.windows.net/%s/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/%[2]s' to get the token.")
	resourceGroupNotFound = refusing(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.")
	resourceNotFound      = refusing(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")
	parentNotFound = refusing(http.StatusNotFound, "ParentResourceNotFound",
		"Failed to perform 'write' on resource(s) of type '%s', because the parent resource '%s' could not be found.")
	// concurrentWrites is the refusal of docs/facts.md §2.
	concurrentWrites = refusing(http.StatusConflict, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
		"Too many Federated Identity Credentials are written concurrently for the managed identity '%s'. Concurrent Federated Identity Credentials writes under the same managed identity are not supported.")
)

func badRequest(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...)}
}

// isGone says whether a resource does not exist. With its resource group,
// everything in the group is gone.
func isGone(err error) bool {
	var refusal *Error
	return errors.As(err, &refusal) && (refusal.Code == "ResourceNotFound" || refusal.Code == "ResourceGroupNotFound")
}

// absent is azure-native's refusal to adopt a resource silently: Azure itself would take
// the write as an update. Err is that of the look-up.
func absent(id string, err error) error {
	switch {
	case err == nil:
		return fmt.Errorf("cannot create already existing resource '%s'", id)
	case isGone(err):
		return nil
	}
	return err
}

// asIs leaves a refusal as it is: azure-native adds nothing.
func asIs(_, _, _ string, err error) error { return err }
