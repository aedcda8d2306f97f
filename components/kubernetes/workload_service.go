package kubernetes

import (
	"cmp"
	"strconv"

	appsv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/apps/v1"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	policyv1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/policy/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func (b *workloadBuilder) buildDisruptionBudget() error {
	limit := cmp.Or(b.args.MaxUnavailable, "1")
	if limit == noBudget {
		return nil
	}
	_, err := policyv1.NewPodDisruptionBudget(b.ctx, b.children.Name(childBudget), &policyv1.PodDisruptionBudgetArgs{
		Metadata: b.metadata(pulumi.String(b.args.objectName())),
		Spec: &policyv1.PodDisruptionBudgetSpecArgs{
			MaxUnavailable: numberOrPercentage(limit),
			Selector:       b.selector(),
		},
	}, b.children.Options(childBudget)...)
	return err
}

// buildService registers the Service after the Deployment: Pulumi waits for a
// Service until it has endpoints, for ten minutes where the first refresh
// failed and no pod will ever come.
func (b *workloadBuilder) buildService(deployment *appsv1.Deployment) error {
	service, err := corev1.NewService(b.ctx, b.children.Name(childService), &corev1.ServiceArgs{
		Metadata: b.metadata(pulumi.String(b.args.objectName())),
		Spec: &corev1.ServiceSpecArgs{
			Type:     pulumi.String("ClusterIP"),
			Selector: pulumi.ToStringMap(b.selected()),
			Ports: corev1.ServicePortArray{&corev1.ServicePortArgs{
				Name: pulumi.String(portName), Port: pulumi.Int(b.args.servicePort()),
				TargetPort: pulumi.String(portName), Protocol: pulumi.String("TCP"),
			}},
		},
	}, b.children.Options(childService, pulumi.DependsOn([]pulumi.Resource{deployment}),
		// The API server chose the addresses. A Service that is taken over has them
		// among its inputs, and without them would be replaced.
		pulumi.IgnoreChanges([]string{"spec.clusterIP", "spec.clusterIPs"}))...)
	if err != nil {
		return err
	}
	b.component.Service = pulumi.Sprintf("%s.%s.svc:%d", service.Metadata.Name().Elem(), b.args.Namespace, b.args.servicePort())
	return nil
}

// numberOrPercentage is a number as a number and a percentage as text, as
// Kubernetes tells them apart.
func numberOrPercentage(text string) pulumi.Input {
	if number, err := strconv.Atoi(text); err == nil {
		return pulumi.Int(number)
	}
	return pulumi.String(text)
}
