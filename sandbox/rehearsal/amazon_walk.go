package rehearsal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eksauth"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/google/go-containerregistry/pkg/authn"

	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/ecrlogin"
)

// sessionName names the rehearsal's own sessions.
const sessionName = "rehearsal"

// keys sign requests to AWS.
type keys = aws.CredentialsProvider

// amazonVariation is one walk through AWS: what it does not set is as deployed.
type amazonVariation struct {
	start
	// asked is the role that STS is asked for.
	asked string
	// become is the role whose session stands in for the one that the token gives.
	become string
	// region in which ECR is asked for a token.
	region string
	// image and do say what is asked of the registry; empty means to pull the
	// product's image.
	image, do string
}

// vary walks with the variation.
func (a *amazon) vary(v amazonVariation) func(context.Context) error {
	return func(ctx context.Context) error { return a.try(ctx, v) }
}

// try goes hop by hop until one refuses; nil if none does.
func (a *amazon) try(ctx context.Context, v amazonVariation) error {
	session, err := a.session(ctx, v)
	if err != nil {
		return err
	}
	login, err := ecrLogin(ctx, a.Client, session, cmp.Or(v.region, a.vendor.Region))
	if err != nil {
		return err
	}
	return a.registryRequest(ctx, login, v.image, v.do)
}

// session becomes the role that pulls, as its platform does.
func (a *amazon) session(ctx context.Context, v amazonVariation) (keys, error) {
	switch {
	case v.become != "":
		return a.mint(v.become)
	case !a.refreshes():
		return a.mint(a.roleARN)
	}
	return a.become(ctx, v.start, a.podIdentity(), cmp.Or(v.asked, a.roleARN))
}

// become becomes a role with a ServiceAccount token: by Pod Identity the one that its
// association says.
func (a *amazon) become(ctx context.Context, s start, byPod bool, roleARN string) (keys, error) {
	s.bound = byPod
	token, err := a.subjectToken(ctx, s)
	switch {
	case err != nil:
		return nil, err
	case byPod:
		return a.askEKS(ctx, token)
	}
	return a.askSTS(ctx, token, roleARN)
}

// mint makes credentials of a role without asking anybody.
func (a Amazon) mint(roleARN string) (keys, error) {
	role, exists := a.Cloud.IAM.Role(roleARN)
	if !exists {
		return nil, fmt.Errorf("rehearsal: there is no role %s", roleARN)
	}
	session, err := a.STS.Sessions.Mint(iam.NewSession(role, sessionName), time.Hour)
	return keysOf(session), err
}

func keysOf(session sts.Credentials) keys {
	return credentials.NewStaticCredentialsProvider(session.AccessKeyID, session.SecretAccessKey, session.SessionToken)
}

// askSTS exchanges the token for credentials of a role, as IRSA does.
func (a *amazon) askSTS(ctx context.Context, token, roleARN string) (keys, error) {
	client := awssts.New(awssts.Options{Region: a.home.Region, HTTPClient: a.Client, Retryer: aws.NopRetryer{}})
	answer, err := client.AssumeRoleWithWebIdentity(ctx, &awssts.AssumeRoleWithWebIdentityInput{
		RoleArn: &roleARN, RoleSessionName: aws.String(sessionName), WebIdentityToken: &token,
	})
	if err != nil {
		return nil, refusedByAWS(hopSTS, err)
	}
	got := answer.Credentials
	return credentials.NewStaticCredentialsProvider(aws.ToString(got.AccessKeyId), aws.ToString(got.SecretAccessKey), aws.ToString(got.SessionToken)), nil
}

// askEKS exchanges the token as the Pod Identity agent of the cluster's node
// does. The node's role may call, and no more: which role comes of it, the
// association says.
func (a *amazon) askEKS(ctx context.Context, token string) (keys, error) {
	cluster, err := a.eksCluster()
	if err != nil {
		return nil, err
	}
	node, err := a.mint(cluster.NodeRole)
	if err != nil {
		return nil, err
	}
	client := eksauth.New(eksauth.Options{Region: cluster.Region, HTTPClient: a.Client, Credentials: node, Retryer: aws.NopRetryer{}})
	answer, err := client.AssumeRoleForPodIdentity(ctx, &eksauth.AssumeRoleForPodIdentityInput{ClusterName: &cluster.Name, Token: &token})
	if err != nil {
		return nil, refusedByAWS(hopSTS, err)
	}
	got := answer.Credentials
	return credentials.NewStaticCredentialsProvider(aws.ToString(got.AccessKeyId), aws.ToString(got.SecretAccessKey), aws.ToString(got.SessionToken)), nil
}

// ecrLogin asks ECR in a Region for what a registry wants.
func ecrLogin(ctx context.Context, through *http.Client, session keys, region string) (*authn.Basic, error) {
	login, err := ecrlogin.Get(ctx, through, session, region)
	if err != nil {
		return nil, refusedByAWS(hopECR, err)
	}
	return &authn.Basic{Username: login.User, Password: login.Password}, nil
}

// refusedByAWS takes a service's refusal for the hop's; other errors, such as
// one of the network, are no refusal.
func refusedByAWS(hop string, err error) error {
	var refusal smithy.APIError
	if errors.As(err, &refusal) {
		return &refused{hop, firstLine(refusal.ErrorCode() + ": " + refusal.ErrorMessage())}
	}
	return refusedByStore(hop, err)
}

func (a *amazon) walk(ctx context.Context, report func(Hop)) error {
	switch {
	case a.onECS():
		return a.walkTask(ctx, report)
	case a.refreshes():
		return a.walkRefresher(ctx, report, hopSTS, hopECR)
	default:
		return a.walkNode(ctx, report)
	}
}

// walkNode lets the kubelet pull. What ECR gave for that, and to nobody but the node's
// provider, is what the registry was shown.
func (a *amazon) walkNode(ctx context.Context, report func(Hop)) error {
	since := a.Record.mark()
	hop, err := a.pull(ctx, nil)
	if err != nil {
		return err
	}
	var login answer
	hop = a.pulledBy(hop, since, func(pulled answer) (own bool) {
		login, own = a.Record.find(since, hopECR, func(given answer) bool { return given.given == pulled.shown })
		return own
	})
	switch refused, asked := a.Record.find(since, hopECR, func(given answer) bool { return given.refusal != "" }); {
	case login.given != "":
		login.subject = a.roleARN
		report(login.asHop())
		report(hop)
	case asked:
		report(Hop{Name: hopECR, Detail: refused.refusal})
	default:
		report(Hop{Name: hopECR, Detail: nobodyAsked + "asked for what the node showed the registry"})
	}
	return nil
}

// walkTask lets ECS start a task of the service.
func (a *amazon) walkTask(ctx context.Context, report func(Hop)) error {
	hops, err := a.Tasks.RunTask(ctx, a.service)
	if err != nil {
		return err
	}
	for _, hop := range hops {
		report(Hop{Name: hop.Name, OK: hop.OK, Detail: firstLine(hop.Detail)})
	}
	return nil
}

// attempt goes the chain as it is gone in production, but for what the cloud was
// told for the moment; nil if nobody refuses.
func (a *amazon) attempt(ctx context.Context) (refusal error) {
	if !a.onECS() {
		return a.try(ctx, amazonVariation{})
	}
	err := a.walkTask(ctx, func(hop Hop) { refusal = refusedAt(hop, nil) })
	return errors.Join(err, refusal)
}

// attempting attempts the chain with the cloud changed.
func (a *amazon) attempting(with func(run func() error) error) func(context.Context) error {
	return func(ctx context.Context) error { return with(func() error { return a.attempt(ctx) }) }
}
