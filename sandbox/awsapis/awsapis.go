// Package awsapis puts together the endpoints of AWS that a chain meets, and the
// agents that meet them:
//
//   - ecrapi: the ECR API and every account's registry,
//   - eksauth: the EKS Auth API, and podidentity, the agent of the nodes that
//     calls it,
//   - logsapi: CloudWatch Logs, and ecsagent, which starts tasks,
//   - [APIs.NodeLogin], the credential provider of the nodes' kubelets.
//
// AWS STS is package sts of sandbox/aws, over the same IAM. The endpoints decide
// from what is deployed in the accounts of the world and from signed requests,
// and the agents know no more than a client of AWS would.
//
// A sandbox opens the cloud of sandbox/aws, calls [New] before that is used, gives
// [APIs.Handler] to the network, lets [APIs.PodIdentity] listen where it is Needed,
// and has the kubelet of each EKS cluster ask [APIs.NodeLogin].
package awsapis

import (
	"context"
	"net/http"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"

	"waybill.example/waybill/sandbox/aws"
	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/ecr"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/awsapis/ecrapi"
	"waybill.example/waybill/sandbox/awsapis/ecrlogin"
	"waybill.example/waybill/sandbox/awsapis/ecsagent"
	"waybill.example/waybill/sandbox/awsapis/eksauth"
	"waybill.example/waybill/sandbox/awsapis/logsapi"
	"waybill.example/waybill/sandbox/awsapis/podidentity"
	"waybill.example/waybill/sandbox/world"
)

// Config says what the endpoints decide from. Every field but ReachesAgent
// is required.
type Config struct {
	// Cloud is what is deployed in the accounts.
	Cloud *aws.Cloud
	// Accounts are those of the world.
	Accounts []world.AWSAccount
	// Dir is an existing folder for images and keys.
	Dir string
	// Client reaches the hosts of the sandbox.
	Client *http.Client
	// ReachesAgent says which pods reach the Pod Identity agent; nil for all of them.
	ReachesAgent podidentity.Allow
	// Now is the clock.
	Now func() time.Time
}

// APIs are the endpoints and the agents of one world.
type APIs struct {
	// STS gives out temporary credentials; its Sessions mint what the cases that
	// must be refused could not obtain.
	STS *sts.Server
	// PodIdentity is the agent on the nodes of EKS clusters. It listens when it is
	// told to.
	PodIdentity *podidentity.Agent
	// ECS starts tasks of services.
	ECS *ecsagent.Agent

	gate *access.Gate
	// hosts are those of the accounts' Regions. STS answers in every Region.
	hosts map[string]http.Handler
}

// New makes the endpoints. From then on the cloud's repositories contain what the
// ECR registries hold, and its services start tasks.
func New(config Config) (*APIs, error) {
	tokens, err := sts.New(sts.Config{Cloud: config.Cloud.IAM, Dir: config.Dir, Client: config.Client, Now: config.Now})
	if err != nil {
		return nil, err
	}
	gate := &access.Gate{IAM: config.Cloud.IAM, STS: tokens, Client: config.Client, Now: config.Now}
	registries, err := ecrapi.New(gate, config.Cloud.ECR, config.Accounts, config.Dir)
	if err != nil {
		return nil, err
	}
	node, err := podidentity.New(gate, config.Cloud.EKS.Clusters(), config.ReachesAgent)
	if err != nil {
		return nil, err
	}
	auth := eksauth.New(gate, config.Cloud.EKS)
	groups := &logsapi.Server{Gate: gate, Groups: config.Cloud.Logs}
	tasks := &ecsagent.Agent{Gate: gate, Services: config.Cloud.ECS}
	for _, account := range config.Accounts {
		tasks.Secrets = append(tasks.Secrets, account.Secrets...)
	}
	config.Cloud.StartTasks(tasks.Start)
	hosts := map[string]http.Handler{}
	for _, account := range config.Accounts {
		for _, region := range account.Regions {
			place := arn.Place{Account: account.ID, Region: region}
			hosts[ecr.Host(place)] = registries.Registry(place)
			hosts[access.Host("api.ecr", region)] = registries.API(region)
			hosts[access.Host("logs", region)] = groups.Endpoint(region)
			hosts[eksauth.Host(region)] = auth.Endpoint(region)
		}
	}
	return &APIs{STS: tokens, PodIdentity: node, ECS: tasks, gate: gate, hosts: hosts}, nil
}

// NodeLogin is ecr-credential-provider as nodes of a cluster of Amazon EKS have it: for
// images of private registries of ECR, and for no others, the kubelet pulls as the
// node's role, never as the pod's (docs/facts.md §1, row 6;
// https://github.com/kubernetes/cloud-provider-aws/tree/master/cmd/ecr-credential-provider).
// Roles of ServiceAccounts (KEP-4412) are not modelled: EKS nodes do not configure that
// by default (docs/facts.md §4).
//
// ok is false for another image, and for nodes without a role; an error is why the node
// gets no token, in AWS's words. Nothing is cached, so that a policy that changes counts
// at the next pull.
func (a *APIs) NodeLogin(ctx context.Context, cluster eks.Cluster, image string) (user, password string, ok bool, err error) {
	region, private := ecrlogin.Region(image)
	if !private || cluster.NodeRole == "" {
		return "", "", false, nil
	}
	login, err := ecrlogin.Get(ctx, a.gate.Client, awssdk.CredentialsProviderFunc(func(context.Context) (awssdk.Credentials, error) {
		return a.gate.Node(cluster)
	}), region)
	return login.User, login.Password, err == nil, err
}

// Handler returns the endpoint of a host, STS's included, or nil for a host that
// is none of these. It is made for the network's HandleFunc.
func (a *APIs) Handler(host string) http.Handler {
	if handler, found := a.hosts[host]; found {
		return handler
	}
	return a.STS.Match(host)
}
