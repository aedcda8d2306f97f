package aws

import (
	"context"
	"fmt"
	"strings"

	pulumieks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/provider"
)

// associationType has the association's own ID; an import gives CLUSTER,ID.
func associationType() provider.Type[*Client] {
	const noun = "EKS Pod Identity Association"
	return provider.Type[*Client]{
		Tok:       "aws:eks/podIdentityAssociation:PodIdentityAssociation",
		Args:      pulumieks.PodIdentityAssociationArgs{}.ElementType(),
		Computed:  []string{"associationArn", "associationId", "tagsAll"},
		Settled:   []string{"associationArn", "associationId"},
		Immutable: []string{"clusterName", "namespace", "serviceAccount"},
		Adopted:   func(outputs map[string]any) string { return fmt.Sprint(outputs["associationId"]) },
		Create: func(_ context.Context, client *Client, properties resource.PropertyMap) (string, map[string]any, error) {
			settings, own, err := client.association(properties)
			if err != nil {
				return "", nil, fmt.Errorf("creating %s: %w", noun, err)
			}
			association, err := client.cloud.EKS.Create(client.Place, settings)
			if err != nil {
				return "", nil, fmt.Errorf("creating %s: %w", noun, err)
			}
			return association.ID, client.associationOutputs(association, own), nil
		},
		Read: func(_ context.Context, client *Client, id string, state resource.PropertyMap) (map[string]any, error) {
			var known eks.AssociationSettings
			if err := provider.Decode(state, &known); err != nil {
				return nil, err
			}
			cluster := known.Cluster
			if state == nil {
				var both bool
				if cluster, id, both = strings.Cut(id, ","); !both {
					return nil, fmt.Errorf("ID %q: want CLUSTER,ASSOCIATION-ID", cluster)
				}
			}
			association, err := client.cloud.EKS.Association(client.Place, cluster, id)
			if fault.Has(err, eks.NotFound) {
				return nil, nil
			}
			return client.associationOutputs(association, known.Tags), err
		},
		Update: func(_ context.Context, client *Client, id string, properties resource.PropertyMap) (map[string]any, error) {
			settings, own, err := client.association(properties)
			if err != nil {
				return nil, failed("updating "+noun, id, err)
			}
			association, err := client.cloud.EKS.Update(client.Place, id, settings)
			if err != nil {
				return nil, failed("updating "+noun, id, err)
			}
			return client.associationOutputs(association, own), nil
		},
		Delete: func(_ context.Context, client *Client, id string, state resource.PropertyMap) error {
			err := client.cloud.EKS.Delete(client.Place, provider.Text(state, "clusterName"), id)
			if err == nil || fault.Has(err, eks.NotFound) {
				return nil
			}
			return failed("deleting "+noun, id, err)
		},
	}
}

// association reads the inputs of an association: its settings with every tag,
// and the tags that the program gave itself.
func (c *Client) association(properties resource.PropertyMap) (settings eks.AssociationSettings, own map[string]string, err error) {
	if err := provider.Decode(properties, &settings); err != nil {
		return settings, nil, err
	}
	own = settings.Tags
	settings.Tags, err = c.tagged("EKS", "CreatePodIdentityAssociation", own)
	return settings, own, err
}

func (c *Client) associationOutputs(association eks.Association, own map[string]string) map[string]any {
	outputs := map[string]any{
		"associationArn": association.ARN(),
		"associationId":  association.ID,
		"clusterName":    association.Cluster,
		"namespace":      association.Namespace,
		"roleArn":        association.RoleARN,
		"serviceAccount": association.ServiceAccount,
	}
	c.tagOutputs(outputs, association.Tags, own)
	return outputs
}
