package rehearsal

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
)

// ownName names what a rehearsal makes in an account, and deletes.
const ownName = "waybill-rehearsal"

// pullActions are what a pull needs (docs/facts.md §4).
var pullActions = []string{"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"}

// during changes the cloud, runs, and puts it back. A cloud that cannot be put
// back is the rehearsal's error, whatever came of the run. A process that is
// killed in between leaves the change behind, as a hand-made one would be: the
// engine's refresh finds it.
func during(change, restore, run func() error) error {
	err := change()
	if err == nil {
		err = run()
	}
	if undone := restore(); undone != nil {
		return fmt.Errorf("rehearsal: put the cloud back: %w", undone)
	}
	return err
}

// swapped runs with another value of something, and sets the one before again.
func swapped[T any](set func(T) error, other, before T, run func() error) error {
	return during(func() error { return set(other) }, func() error { return set(before) }, run)
}

// refusedByStore takes the refusal of an API's store for the hop's.
func refusedByStore(hop string, err error) error {
	var refusal *fault.Error
	if errors.As(err, &refusal) {
		return &refused{hop, firstLine(refusal.Code + ": " + refusal.Message)}
	}
	return err
}

// statement is one statement of a policy that a rehearsal writes.
type statement map[string]any

func policyOf(statements ...statement) string {
	text, _ := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements}) // of texts alone
	return string(text)
}

// tokenOnly allows what comes before a pull, and nothing else: to ask ECR for a token, and
// to read the secrets of a task.
var tokenOnly = policyOf(statement{
	"Effect": "Allow", "Resource": "*",
	"Action": []string{"ecr:GetAuthorizationToken", "secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt"},
})

// pullingRole is the role that pulls, as it is now, with its account.
func (a *amazon) pullingRole() (iam.Role, *iam.Account, error) {
	role, err := a.role()
	if err != nil {
		return role, nil, err
	}
	account, err := a.Cloud.IAM.Account(role.Account)
	return role, account, err
}

// withRepositoryPolicy runs with the vendor's policy changed; one that becomes
// empty is removed.
func (a *amazon) withRepositoryPolicy(change func(text string) string, run func() error) error {
	repository, err := a.repository()
	if err != nil {
		return err
	}
	before := repository.PolicyText()
	set := func(text string) error {
		if text == "" {
			return a.Cloud.ECR.DeletePolicy(a.vendor, a.chain.repository)
		}
		_, err := a.Cloud.ECR.SetPolicy(a.vendor, a.chain.repository, text)
		return err
	}
	return swapped(set, change(before), before, run)
}

// withoutPull runs with the right to read taken from the role: by the repository's
// policy, or in the vendor's own account by the role's.
func (a *amazon) withoutPull(run func() error) error {
	if !a.vendorRole() {
		return a.withRepositoryPolicy(func(string) string { return "" }, run)
	}
	return a.withPermissions(tokenOnly, run)
}

// permissions are the identity policies of a role.
type permissions struct {
	attached []string
	inline   map[string]string
}

// withPermissions runs with one identity policy in the place of all that the
// pulling role has; none with "".
func (a *amazon) withPermissions(text string, run func() error) error {
	role, account, err := a.pullingRole()
	if err != nil {
		return err
	}
	set := func(to permissions) error {
		now, err := account.Role(role.Name)
		problems := []error{err}
		for _, policy := range now.Attached {
			problems = append(problems, account.DetachRolePolicy(role.Name, policy))
		}
		for name := range now.Inline {
			problems = append(problems, account.DeleteRolePolicy(role.Name, name))
		}
		for _, policy := range to.attached {
			problems = append(problems, account.AttachRolePolicy(role.Name, policy))
		}
		for name, policy := range to.inline {
			problems = append(problems, account.PutRolePolicy(role.Name, name, policy))
		}
		return errors.Join(problems...)
	}
	var own permissions
	if text != "" {
		own.inline = map[string]string{ownName: text}
	}
	return swapped(set, own, permissions{role.Attached, role.Inline}, run)
}

// withBoundary runs with a permissions boundary of the pulling role that allows
// what the policy says.
func (a *amazon) withBoundary(text string, run func() error) error {
	role, account, err := a.pullingRole()
	if err != nil {
		return err
	}
	boundary := arn.Place{Account: role.Account, Region: a.home.Region}.Global("iam", "policy/"+ownName)
	change := func() error {
		// An earlier rehearsal that was killed may have left it.
		if _, err := account.CreatePolicy(iam.PolicySettings{Name: ownName, Document: text}); err != nil && !fault.Has(err, iam.EntityAlreadyExists) {
			return err
		}
		_, err := account.SetBoundary(role.Name, boundary)
		return err
	}
	restore := func() error {
		_, err := account.SetBoundary(role.Name, role.Boundary)
		return errors.Join(err, account.DeletePolicy(boundary))
	}
	return during(change, restore, run)
}

// withTrust runs with the pulling role's trust policy changed.
func (a *amazon) withTrust(change func(text string) string, run func() error) error {
	role, account, err := a.pullingRole()
	if err != nil {
		return err
	}
	set := func(text string) error {
		_, err := account.UpdateTrustPolicy(role.Name, text)
		return err
	}
	return swapped(set, change(role.TrustPolicy), role.TrustPolicy, run)
}

// withRole runs with another role of an account, which has the name and path
// given and may pull as far as identity policies go. One that the world has
// under the name is used.
func (a *amazon) withRole(accountID, name, path string, run func(roleARN string) error) error {
	trust := policyOf(statement{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]string{"Service": "ec2." + a.home.Partition().Suffix}})
	return a.withTrustingRole(accountID, name, path, trust, run)
}

// withTrustingRole is withRole with a trust policy.
func (a *amazon) withTrustingRole(accountID, name, path, trust string, run func(roleARN string) error) error {
	account, err := a.Cloud.IAM.Account(accountID)
	if err != nil {
		return err
	}
	policy := policyOf(
		statement{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
		statement{"Effect": "Allow", "Action": pullActions, "Resource": a.vendor.ARN("ecr", "repository/"+a.chain.repository)},
	)
	role, err := account.CreateRole(iam.RoleSettings{Name: name, Path: path, TrustPolicy: trust})
	existed := fault.Has(err, iam.EntityAlreadyExists)
	if existed {
		role, err = account.Role(name)
	}
	if err != nil {
		return err
	}
	restore := func() error {
		err := account.DeleteRolePolicy(name, ownName)
		if existed {
			return err
		}
		return errors.Join(err, account.DeleteRole(name))
	}
	return during(func() error { return account.PutRolePolicy(name, ownName, policy) }, restore, func() error { return run(role.ARN) })
}

// association is the refresher's, by Pod Identity.
func (a *amazon) association() (eks.Association, error) {
	cluster, err := a.eksCluster()
	if err != nil {
		return eks.Association{}, err
	}
	association, found := a.Cloud.EKS.AssociationOf(cluster.Place, cluster.Name, a.namespace, a.account)
	if !found {
		return association, fmt.Errorf("rehearsal: cluster %s has no Pod Identity association for %s/%s", cluster.Name, a.namespace, a.account)
	}
	return association, nil
}

// withoutSessionTags runs with the refresher's Pod Identity association told to
// leave the tags out.
func (a *amazon) withoutSessionTags(run func() error) error {
	association, err := a.association()
	if err != nil {
		return err
	}
	set := func(disable bool) error {
		_, err := a.Cloud.EKS.SetSessionTags(association.Place, association.Cluster, association.ID, disable)
		return err
	}
	return swapped(set, true, association.DisableSessionTags, run)
}

// withAssociation runs with a Pod Identity association of another ServiceAccount
// for the pulling role.
func (a *amazon) withAssociation(namespace, account string, run func() error) error {
	cluster, err := a.eksCluster()
	if err != nil {
		return err
	}
	association, err := a.Cloud.EKS.Create(cluster.Place, eks.AssociationSettings{
		Cluster: cluster.Name, Namespace: namespace, ServiceAccount: account, RoleARN: a.roleARN,
	})
	if err != nil {
		return err
	}
	return during(func() error { return nil }, func() error {
		return a.Cloud.EKS.Delete(cluster.Place, cluster.Name, association.ID)
	}, run)
}

// withAssociatedRole runs with the refresher's Pod Identity association naming
// another role, which trusts whom the right one trusts.
func (a *amazon) withAssociatedRole(run func() error) error {
	association, err := a.association()
	role, unknown := a.role()
	if err := errors.Join(err, unknown); err != nil {
		return err
	}
	return a.withTrustingRole(a.home.Account, ownName, "/", role.TrustPolicy, func(other string) error {
		set := func(roleARN string) error {
			settings := association.AssociationSettings
			settings.RoleARN = roleARN
			_, err := a.Cloud.EKS.Update(association.Place, association.ID, settings)
			return err
		}
		return swapped(set, other, a.roleARN, run)
	})
}

// task is the service with its present task definition.
func (a *amazon) task() (service ecs.Service, definition ecs.TaskDefinition, err error) {
	if service, err = a.Cloud.ECS.Service(a.service); err == nil {
		definition, err = a.Cloud.ECS.TaskDefinition(service.Place, service.TaskDefinition)
	}
	return service, definition, err
}

// withDefinition runs with the service on another revision of its task
// definition, which change makes of the present one. A revision that ECS does
// not take is refused at the hop.
func (a *amazon) withDefinition(hop string, change func(*ecs.TaskDefinitionSettings), run func() error) error {
	service, definition, err := a.task()
	if err != nil {
		return err
	}
	settings := definition.TaskDefinitionSettings
	settings.Containers = slices.Clone(settings.Containers)
	change(&settings)
	changed, err := a.Cloud.ECS.Register(service.Place, settings)
	if err != nil {
		return refusedByStore(hop, err)
	}
	use := func(revision string) error {
		other := service.ServiceSettings
		other.TaskDefinition = revision
		_, err := a.Cloud.ECS.UpdateService(service.Place, other)
		return err
	}
	err = swapped(use, changed.ARN(), service.TaskDefinition, run)
	if left := a.Cloud.ECS.Deregister(changed.ARN()); left != nil {
		return fmt.Errorf("rehearsal: put the cloud back: %w", left)
	}
	return err
}

// anotherAccount is one that is neither the customer's nor the vendor's.
func (a *amazon) anotherAccount() (string, error) {
	for _, account := range a.World.AWS.Accounts {
		if account.ID != a.home.Account && account.ID != a.vendor.Account && arn.PartitionOf(account.Regions[0]) == a.home.Partition() {
			return account.ID, nil
		}
	}
	return "", errors.New("rehearsal: the world needs an AWS account that is neither the customer's nor the vendor's: another customer's")
}

// anotherRegion is one that the customer may use and the registry is not in.
func (a *amazon) anotherRegion() (string, error) {
	for _, account := range a.World.AWS.Accounts {
		for _, region := range account.Regions {
			if account.ID == a.home.Account && region != a.vendor.Region {
				return region, nil
			}
		}
	}
	return "", fmt.Errorf("rehearsal: the world needs another Region than %s in the account %s", a.vendor.Region, a.home.Account)
}

// neighboursImage is an image of another repository of the vendor's.
func (a *amazon) neighboursImage() (string, error) {
	for _, account := range a.World.AWS.Accounts {
		for _, repository := range account.Repositories {
			if account.ID == a.vendor.Account && repository.Region == a.vendor.Region && repository.Name != a.chain.repository && len(repository.Tags) > 0 {
				return a.registry + "/" + repository.Name + ":" + repository.Tags[0], nil
			}
		}
	}
	return "", fmt.Errorf("rehearsal: the world needs another repository with an image in %s of account %s", a.vendor.Region, a.vendor.Account)
}

// onAnotherPath is the role's ARN with its name on another path.
func onAnotherPath(role iam.Role) string {
	return strings.TrimSuffix(role.ARN, strings.TrimPrefix(role.Path, "/")+role.Name) + "another/path/" + role.Name
}
