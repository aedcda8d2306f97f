// Package eks holds what Amazon EKS knows: the world's clusters, and the Pod
// Identity associations of their ServiceAccounts, in a file that outlives the
// process.
//
// It refuses what EKS refuses: unknown clusters, a second association of one
// ServiceAccount, and roles that do not exist or belong to another account.
// https://docs.aws.amazon.com/eks/latest/APIReference/API_CreatePodIdentityAssociation.html
package eks

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/state"
	"waybill.example/waybill/sandbox/world"
)

const api = fault.API("EKS")

// NotFound is the code for a cluster or an association that does not exist.
const NotFound = "ResourceNotFoundException"

// Cluster is a cluster of the world.
type Cluster struct {
	arn.Place
	existing
}

// existing has what the world says of a cluster, its defaults filled in. Its Region is
// that of the Place.
type existing struct{ world.EKSCluster }

// ARN names the cluster.
func (c Cluster) ARN() string { return c.Place.ARN("eks", "cluster/"+c.Name) }

// AssociationSettings are what a caller sets.
type AssociationSettings struct {
	Cluster        string            `json:"clusterName"`
	Namespace      string            `json:"namespace"`
	ServiceAccount string            `json:"serviceAccount"`
	RoleARN        string            `json:"roleArn"`
	Tags           map[string]string `json:"tags,omitempty"`
}

// Association lets one ServiceAccount of a cluster be one role.
type Association struct {
	arn.Place
	AssociationSettings
	// ID has the form a-0123456789abcdefg.
	ID string `json:"associationId"`
	// DisableSessionTags says whether sessions carry no tags of the cluster and
	// the pod: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
	DisableSessionTags bool `json:"disableSessionTags,omitempty"`
}

// ARN names the association.
func (a Association) ARN() string {
	return a.Place.ARN("eks", "podidentityassociation/"+a.Cluster+"/"+a.ID)
}

// Store holds the clusters and associations of every account.
type Store struct {
	store    *state.Store[contents]
	clusters []Cluster
	roles    func(arn string) bool
}

// contents is what the file keeps, by ARN.
type contents struct {
	Associations map[string]Association `json:"associations"`
}

func (held contents) associations() map[string]Association { return held.Associations }

// Open reads the file at path, or starts it. roleExists tells whether an IAM role with
// an ARN exists.
func Open(path string, accounts []world.AWSAccount, roleExists func(arn string) bool) (*Store, error) {
	store, err := state.OpenStore[contents](path)
	if err != nil {
		return nil, fmt.Errorf("eks: %w", err)
	}
	s := &Store{store: store, roles: roleExists}
	for _, account := range accounts {
		for _, cluster := range account.EKSClusters {
			cluster.KubernetesVersion = cmp.Or(cluster.KubernetesVersion, "1.34")
			cluster.AuthenticationMode = cmp.Or(cluster.AuthenticationMode, "API")
			s.clusters = append(s.clusters, Cluster{arn.Place{Account: account.ID, Region: cluster.Region}, existing{cluster}})
		}
	}
	return s, nil
}

// Cluster is DescribeCluster.
func (s *Store) Cluster(place arn.Place, name string) (Cluster, error) {
	return s.cluster("DescribeCluster", place, name)
}

func (s *Store) cluster(operation string, place arn.Place, name string) (Cluster, error) {
	at := slices.IndexFunc(s.clusters, func(c Cluster) bool { return c.Place == place && c.Name == name })
	if at < 0 {
		return Cluster{}, api.Refuse(operation, http.StatusNotFound, NotFound, "No cluster found for name: %s.", name)
	}
	return s.clusters[at], nil
}

// Clusters are those of every account, in the world's order.
func (s *Store) Clusters() []Cluster { return slices.Clone(s.clusters) }

// Association is DescribePodIdentityAssociation.
func (s *Store) Association(place arn.Place, cluster, id string) (Association, error) {
	association, found := s.store.Read().Associations[key(place, cluster, id)]
	if !found {
		return Association{}, unknown("DescribePodIdentityAssociation", id)
	}
	return association, nil
}

// AssociationOf finds the association of a ServiceAccount.
func (s *Store) AssociationOf(place arn.Place, cluster, namespace, serviceAccount string) (Association, bool) {
	return find(s.store.Read().Associations, place, cluster, namespace, serviceAccount)
}

func find(held map[string]Association, place arn.Place, cluster, namespace, serviceAccount string) (Association, bool) {
	for _, each := range held {
		if each.Place == place && each.Cluster == cluster && each.Namespace == namespace && each.ServiceAccount == serviceAccount {
			return each, true
		}
	}
	return Association{}, false
}

func key(place arn.Place, cluster, id string) string {
	return Association{Place: place, ID: id, AssociationSettings: AssociationSettings{Cluster: cluster}}.ARN()
}

func unknown(operation, id string) error {
	return api.Refuse(operation, http.StatusNotFound, NotFound, "The association with ID %s was not found.", id)
}

// Create is CreatePodIdentityAssociation.
func (s *Store) Create(place arn.Place, settings AssociationSettings) (Association, error) {
	const operation = "CreatePodIdentityAssociation"
	if _, err := s.cluster(operation, place, settings.Cluster); err != nil {
		return Association{}, err
	}
	if err := s.check(operation, place, settings); err != nil {
		return Association{}, err
	}
	association := Association{Place: place, AssociationSettings: settings, ID: associationID()}
	err := s.store.Update(func(held *contents) error {
		if existing, taken := find(held.Associations, place, settings.Cluster, settings.Namespace, settings.ServiceAccount); taken {
			return api.Refuse(operation, http.StatusConflict, "ResourceInUseException", "Association already exists: %s", existing.ID)
		}
		held.Associations[association.ARN()] = association
		return nil
	})
	return association, err
}

// label is the form of namespaces; ServiceAccounts may have dots:
// https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
var (
	label     = regexp.MustCompile(`^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$`)
	subdomain = regexp.MustCompile(`^[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?$`)
)

// check applies the rules of both operations. The words for names out of form
// and for roles that do not exist are the sandbox's: EKS documents neither.
func (s *Store) check(operation string, place arn.Place, settings AssociationSettings) error {
	role, isARN := arn.Parse(settings.RoleARN)
	invalid := func(format string, args ...any) error {
		return api.Refuse(operation, http.StatusBadRequest, "InvalidParameterException", format, args...)
	}
	switch {
	case !label.MatchString(settings.Namespace):
		return invalid("namespace %q is not the name of a Kubernetes namespace", settings.Namespace)
	case !subdomain.MatchString(settings.ServiceAccount):
		return invalid("serviceAccount %q is not the name of a Kubernetes ServiceAccount", settings.ServiceAccount)
	case !isARN || role.Service != "iam":
		return invalid("roleArn %q is not the ARN of a role", settings.RoleARN)
	case !role.IsRoleOf(place):
		return api.Refuse(operation, http.StatusForbidden, "AccessDeniedException", "Cross-account pass role is not allowed.")
	case !s.roles(settings.RoleARN):
		// https://github.com/hashicorp/terraform-provider-aws/pull/34717
		return invalid("Role provided in the request does not exist.")
	}
	return nil
}

// Update is UpdatePodIdentityAssociation and the tags' operations: the role and
// the tags change.
func (s *Store) Update(place arn.Place, id string, settings AssociationSettings) (Association, error) {
	const operation = "UpdatePodIdentityAssociation"
	if err := s.check(operation, place, settings); err != nil {
		return Association{}, err
	}
	return s.change(operation, place, settings.Cluster, id, func(association *Association) {
		association.RoleARN, association.Tags = settings.RoleARN, settings.Tags
	})
}

// SetSessionTags is the part of UpdatePodIdentityAssociation that no property of
// the Pulumi type reaches: with disable, sessions carry no tags.
func (s *Store) SetSessionTags(place arn.Place, cluster, id string, disable bool) (Association, error) {
	return s.change("UpdatePodIdentityAssociation", place, cluster, id, func(association *Association) {
		association.DisableSessionTags = disable
	})
}

func (s *Store) change(operation string, place arn.Place, cluster, id string, edit func(*Association)) (Association, error) {
	return state.Edit(s.store, contents.associations, key(place, cluster, id), unknown(operation, id),
		func(_ contents, association *Association) error {
			edit(association)
			return nil
		})
}

// Delete is DeletePodIdentityAssociation.
func (s *Store) Delete(place arn.Place, cluster, id string) error {
	return state.Remove(s.store, contents.associations, key(place, cluster, id), unknown("DeletePodIdentityAssociation", id))
}

// associationID is a- and seventeen random letters and digits, as EKS's are.
func associationID() string { return "a-" + strings.ToLower(rand.Text()[:17]) }
