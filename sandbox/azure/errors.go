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

func subscriptionNotFound(subscription string) error {
	return &Error{http.StatusNotFound, "SubscriptionNotFound",
		fmt.Sprintf("The subscription '%s' could not be found.", subscription)}
}

func wrongTenant(given, owner string) error {
	return &Error{http.StatusUnauthorized, "InvalidAuthenticationTokenTenant", fmt.Sprintf(
		"The access token is from the wrong issuer 'https://sts.windows.net/%s/'. It must match the tenant 'https://sts.windows.net/%s/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/%s' to get the token.",
		given, owner, owner)}
}

func resourceGroupNotFound(group string) error {
	return &Error{http.StatusNotFound, "ResourceGroupNotFound",
		fmt.Sprintf("Resource group '%s' could not be found.", group)}
}

func resourceNotFound(kind, name, group string) error {
	return &Error{http.StatusNotFound, "ResourceNotFound", fmt.Sprintf(
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		kind, name, group)}
}

func parentNotFound(kind, parent string) error {
	return &Error{http.StatusNotFound, "ParentResourceNotFound", fmt.Sprintf(
		"Failed to perform 'write' on resource(s) of type '%s', because the parent resource '%s' could not be found.", kind, parent)}
}

// concurrentWrites is the refusal of docs/facts.md §2.
func concurrentWrites(identity string) error {
	return &Error{http.StatusConflict, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity", fmt.Sprintf(
		"Too many Federated Identity Credentials are written concurrently for the managed identity '%s'. Concurrent Federated Identity Credentials writes under the same managed identity are not supported.",
		identity)}
}

func badRequest(format string, args ...any) error {
	return &Error{http.StatusBadRequest, "BadRequest", fmt.Sprintf(format, args...)}
}

// errGone is the end of a look-up that finds nothing.
var errGone = errors.New("the resource does not exist")

// orGone is a look-up's result, or errGone.
func orGone[R any](found *R, err error) (R, error) {
	if err == nil && found == nil {
		err = errGone
	}
	if err != nil {
		return *new(R), err
	}
	return *found, nil
}

// isGone says whether a resource does not exist. With its resource group,
// everything in the group is gone.
func isGone(err error) bool {
	var refusal *Error
	return errors.Is(err, errGone) || errors.As(err, &refusal) && refusal.Code == "ResourceGroupNotFound"
}

// asIs leaves a refusal as it is: azure-native adds nothing.
func asIs(_, _, _ string, err error) error { return err }
