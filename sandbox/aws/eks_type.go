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
	const create = "CreatePodIdentityAssociation"
	return tagged("EKS", create, create, provider.Kind[*Client, eks.AssociationSettings, eks.Association]{
		Type: provider.Type[*Client]{
			Tok:       "aws:eks/podIdentityAssociation:PodIdentityAssociation",
			Args:      pulumieks.PodIdentityAssociationArgs{}.ElementType(),
			Computed:  []string{"associationArn", "associationId", "tagsAll"},
			Settled:   []string{"associationArn", "associationId"},
			Immutable: []string{"clusterName", "namespace", "serviceAccount"},
			Adopted:   func(outputs map[string]any) string { return fmt.Sprint(outputs["associationId"]) },
		},
		Noun: "EKS Pod Identity Association",
		Make: func(_ context.Context, client *Client, inputs eks.AssociationSettings) (string, eks.Association, error) {
			association, err := client.cloud.EKS.Create(client.Place, inputs)
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
			return client.cloud.EKS.Update(client.Place, id, inputs)
		},
		Remove: func(_ context.Context, client *Client, id string, known eks.AssociationSettings) error {
			return client.cloud.EKS.Delete(client.Place, known.Cluster, id)
		},
		Show: func(_ *Client, association eks.Association, _ eks.AssociationSettings) map[string]any {
			outputs := provider.Encode(association.AssociationSettings)
			outputs["associationArn"], outputs["associationId"] = association.ARN(), association.ID
			return outputs
		},
	})
}
