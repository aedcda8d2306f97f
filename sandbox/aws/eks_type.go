package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"

	pulumieks "github.com/pulumi/pulumi-aws/sdk/v6/go/aws/eks"

	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/provider"
)

// associationType has the association's own ID; an import gives CLUSTER,ID.
func associationType() provider.Type[*Client] {
	return provider.Kind[*Client, eks.AssociationSettings, eks.Association]{
		Type: provider.Type[*Client]{
			Tok:       "aws:eks/podIdentityAssociation:PodIdentityAssociation",
			Args:      pulumieks.PodIdentityAssociationArgs{}.ElementType(),
			Computed:  []string{"associationArn", "associationId", "tagsAll"},
			Settled:   []string{"associationArn", "associationId"},
			Immutable: []string{"clusterName", "namespace", "serviceAccount"},
			Adopted:   func(outputs map[string]any) string { return fmt.Sprint(outputs["associationId"]) },
		},
		Noun: "EKS Pod Identity Association", Word: failed, Gone: gone,
		Make: func(_ context.Context, client *Client, inputs eks.AssociationSettings) (string, eks.Association, error) {
			settings, err := client.association(inputs)
			if err != nil {
				return "", eks.Association{}, err
			}
			association, err := client.cloud.EKS.Create(client.Place, settings)
			return association.ID, association, err
		},
		Find: func(client *Client, id string, known eks.AssociationSettings) (eks.Association, error) {
			cluster, imported := known.Cluster, false
			if cluster == "" {
				if cluster, id, imported = strings.Cut(id, ","); !imported {
					return eks.Association{}, errors.New("want CLUSTER,ASSOCIATION-ID")
				}
			}
			return client.cloud.EKS.Association(client.Place, cluster, id)
		},
		Change: func(_ context.Context, client *Client, id string, inputs eks.AssociationSettings) (eks.Association, error) {
			settings, err := client.association(inputs)
			if err != nil {
				return eks.Association{}, err
			}
			return client.cloud.EKS.Update(client.Place, id, settings)
		},
		Remove: func(_ context.Context, client *Client, id string, known eks.AssociationSettings) error {
			return client.cloud.EKS.Delete(client.Place, known.Cluster, id)
		},
		Show: (*Client).associationOutputs,
	}.Resource()
}

// association is the settings with every tag.
func (c *Client) association(settings eks.AssociationSettings) (_ eks.AssociationSettings, err error) {
	settings.Tags, err = c.tagged("EKS", "CreatePodIdentityAssociation", settings.Tags)
	return settings, err
}

func (c *Client) associationOutputs(association eks.Association, inputs eks.AssociationSettings) map[string]any {
	outputs := map[string]any{
		"associationArn": association.ARN(),
		"associationId":  association.ID,
		"clusterName":    association.Cluster,
		"namespace":      association.Namespace,
		"roleArn":        association.RoleARN,
		"serviceAccount": association.ServiceAccount,
	}
	c.tagOutputs(outputs, association.Tags, inputs.Tags)
	return outputs
}
