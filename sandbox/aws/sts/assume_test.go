package sts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
)

// trusting is a trust policy for a service with conditions.
func trusting(service, actions, conditions string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":%q},"Action":%s,"Condition":%s}]}`,
		service, actions, conditions)
}

func TestAServiceBecomesARoleThatTrustsIt(t *testing.T) {
	s := newSetting(t)
	const (
		ecs     = "ecs-tasks.amazonaws.com"
		pods    = "pods.eks.amazonaws.com"
		cluster = "arn:aws:eks:eu-west-1:222222222222:cluster/one"
	)
	tags := map[string]string{"eks-cluster-arn": cluster, "kubernetes-namespace": "images", "kubernetes-service-account": "refresher"}
	task := "arn:aws:ecs:eu-west-1:222222222222:service/one/app"
	bySource := trusting(ecs, `"sts:AssumeRole"`, `{"StringEquals":{"aws:SourceAccount":"222222222222"},"ArnLike":{"aws:SourceArn":"arn:aws:ecs:eu-west-1:222222222222:*"}}`)
	byTags := trusting(pods, `["sts:AssumeRole","sts:TagSession"]`, `{"StringEquals":{"aws:RequestTag/eks-cluster-arn":"`+cluster+`",
		"aws:RequestTag/kubernetes-namespace":"images","aws:RequestTag/kubernetes-service-account":"refresher","aws:SourceAccount":"222222222222"}}`)
	for name, test := range map[string]struct {
		trust string
		wish  sts.Assumption
		want  string
	}{
		"ECS":                     {bySource, sts.Assumption{Service: ecs, SourceARN: task}, ""},
		"ECS without a source":    {bySource, sts.Assumption{Service: ecs}, "because no role trust policy allows the sts:AssumeRole action"},
		"ECS of another account":  {bySource, sts.Assumption{Service: ecs, SourceARN: strings.ReplaceAll(task, "222222222222", "111111111111")}, "because no role trust policy"},
		"ECS in another Region":   {bySource, sts.Assumption{Service: ecs, SourceARN: strings.ReplaceAll(task, region, "us-east-1")}, "because no role trust policy"},
		"another service":         {bySource, sts.Assumption{Service: "ecs.amazonaws.com", SourceARN: task}, "User: ecs.amazonaws.com is not authorized to perform: sts:AssumeRole"},
		"Pod Identity":            {byTags, sts.Assumption{Service: pods, SourceARN: cluster, Tags: tags}, ""},
		"Pod Identity, untagged":  {byTags, sts.Assumption{Service: pods, SourceARN: cluster}, "sts:AssumeRole action"},
		"another namespace":       {byTags, sts.Assumption{Service: pods, SourceARN: cluster, Tags: map[string]string{"kubernetes-namespace": "other"}}, "sts:AssumeRole action"},
		"tags that are forbidden": {trusting(pods, `"sts:AssumeRole"`, `{}`), sts.Assumption{Service: pods, Tags: tags}, "because no role trust policy allows the sts:TagSession action"},
		"a role that is not":      {bySource, sts.Assumption{Service: ecs, RoleARN: roleARN + "x"}, "on resource: " + roleARN + "x because no role trust policy"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.account.UpdateTrustPolicy("puller", test.trust)
			require.NoError(t, err)
			test.wish.Session = "agent"
			if test.wish.RoleARN == "" {
				test.wish.RoleARN = roleARN
			}
			made, err := s.server.Assume(test.wish)
			if test.want != "" {
				assert.True(t, fault.Has(err, sts.AccessDenied), "%v", err)
				assert.ErrorContains(t, err, test.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, s.now.Add(time.Hour).UTC(), made.Expiration)
			session := s.verified(t, provider(made))
			assert.Equal(t, test.wish.Tags, session.Tags)
			assert.Equal(t, "arn:aws:sts::222222222222:assumed-role/puller/agent", session.ARN())
		})
	}
}

func TestSessionTagsCountInThePoliciesOfTheRole(t *testing.T) {
	s := newSetting(t)
	_, err := s.account.UpdateTrustPolicy("puller", trusting("pods.eks.amazonaws.com", `["sts:AssumeRole","sts:TagSession"]`, "{}"))
	require.NoError(t, err)
	require.NoError(t, s.account.PutRolePolicy("puller", "pull",
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecr:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/kubernetes-namespace":"images"}}}}`))
	for namespace, want := range map[string]bool{"images": true, "other": false} {
		made, err := s.server.Assume(sts.Assumption{
			Service: "pods.eks.amazonaws.com", RoleARN: roleARN, Session: "pod", Tags: map[string]string{"kubernetes-namespace": namespace},
		})
		require.NoError(t, err)
		decision, err := s.cloud.Authorize(made.Session, iam.Access{Action: "ecr:GetAuthorizationToken", Resource: "*"})
		require.NoError(t, err)
		assert.Equal(t, want, decision.Allowed, namespace)
	}
}

func TestWrongWishesAreRefused(t *testing.T) {
	s := newSetting(t)
	_, err := s.account.UpdateTrustPolicy("puller", trusting("ecs-tasks.amazonaws.com", `["sts:AssumeRole","sts:TagSession"]`, "{}"))
	require.NoError(t, err)
	wish := sts.Assumption{Service: "ecs-tasks.amazonaws.com", RoleARN: roleARN, Session: "agent"}
	for name, change := range map[string]func(*sts.Assumption){
		"no session":            func(a *sts.Assumption) { a.Session = "" },
		"a session's name":      func(a *sts.Assumption) { a.Session = "a/b" },
		"no role":               func(a *sts.Assumption) { a.RoleARN = "" },
		"a short life":          func(a *sts.Assumption) { a.Lifetime = 14 * time.Minute },
		"longer than the role":  func(a *sts.Assumption) { a.Lifetime = 2*time.Hour + time.Second },
		"a long tag":            func(a *sts.Assumption) { a.Tags = map[string]string{"a": strings.Repeat("a", 257)} },
		"a tag without its key": func(a *sts.Assumption) { a.Tags = map[string]string{"": "a"} },
	} {
		wrong := wish
		change(&wrong)
		_, err := s.server.Assume(wrong)
		assert.True(t, fault.Has(err, sts.ValidationError), "%s: %v", name, err)
	}
	wish.Lifetime = 2 * time.Hour
	_, err = s.server.Assume(wish)
	require.NoError(t, err)
}
