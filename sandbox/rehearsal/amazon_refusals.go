package rehearsal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"waybill.example/waybill/sandbox/aws/ecs"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/iam/policy"
)

// Families of words of AWS, each of one hop (docs/facts.md §5).
var (
	roleTrust      = regexp.MustCompile(`^AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity`)
	roleToken      = regexp.MustCompile(`^(InvalidIdentityToken|IDPRejectedClaim|AccessDenied): `)
	roleTime       = regexp.MustCompile(`^ExpiredTokenException: `)
	podAssociation = regexp.MustCompile(`^ResourceNotFoundException: `)
	podToken       = regexp.MustCompile(`^InvalidTokenException: `)
	podTime        = regexp.MustCompile(podToken.String() + "|" + roleTime.String())
	podTrust       = regexp.MustCompile(`^AccessDeniedException: .*assume the associated role`)
	roleService    = regexp.MustCompile(`^AccessDenied: .* is not authorized to perform: sts:(AssumeRole|TagSession)`)
	ecrToken       = regexp.MustCompile(`AccessDenied.* ecr:GetAuthorizationToken .*no identity-based policy allows`)
	ecrIdentity    = regexp.MustCompile(`(?i)denied: .* ecr:BatchGetImage .*no identity-based policy allows`)
	ecrResource    = regexp.MustCompile(`(?i)denied: .* ecr:BatchGetImage .*no resource-based policy allows`)
	ecrEither      = regexp.MustCompile(`(?i)denied: .* ecr:BatchGetImage .*no (identity|resource)-based policy allows`)
	ecrBoundary    = regexp.MustCompile(`(?i)denied: .* ecr:BatchGetImage .*no permissions boundary allows`)
	ecrRegion      = regexp.MustCompile(`(?i)denied: Your Authorization Token is invalid`)
	ecrBeyond      = regexp.MustCompile(`is not authorized to perform: (ecr|logs):`)
	ecrMoved       = regexp.MustCompile(`(?i)tag.*immutable`)
	trustKeys      = regexp.MustCompile(`is not authorized to perform: sts:`)
	ecrPush        = regexp.MustCompile(`(?i)denied: .* ecr:(InitiateLayerUpload|PutImage|BatchCheckLayerAvailability) .*policy allows`)
	nodePull       = regexp.MustCompile(`^(ErrImagePull|ImagePullBackOff): .*(no (identity|resource)-based policy allows|Not Authorized)`)
	noToken        = regexp.MustCompile(`no such file`)
	taskRole       = regexp.MustCompile(`ECS was unable to assume the role`)
	taskRoleARN    = regexp.MustCompile(`Role is not valid`)
	taskLogs       = regexp.MustCompile(`AccessDeniedException: .* logs:CreateLogStream .*no identity-based policy allows`)
)

func (a *amazon) cases() ([]testCase, error) {
	var all []testCase
	switch {
	case a.podIdentity():
		all = append(a.podIdentityCases(), a.refresherCases()...)
	case a.refreshes():
		all = append(a.webIdentityCases(), a.refresherCases()...)
	}
	role, unknown := a.role()
	another, nobody := a.anotherAccount()
	trusts, untrusted := a.trusts()
	callers, alone := a.callerCases(role, another)
	if err := errors.Join(unknown, nobody, untrusted, alone); err != nil {
		return nil, err
	}
	all = slices.Concat(all, a.policyCases(role), callers)
	for _, trust := range trusts {
		all = append(all, a.trustCases(trust)...)
	}
	if a.onECS() {
		return append(all, a.taskCases(another)...), nil
	}
	if a.refreshes() {
		all = append(all, a.clusterCases()...)
	}
	return append(all, a.productCases()...), nil
}

// wrongAudience is neither that of IRSA nor that of EKS Pod Identity.
const wrongAudience = "wrong.amazonaws.com"

// start walks with another token.
func (a *amazon) start(ctx context.Context, s start) error {
	return a.try(ctx, amazonVariation{start: s})
}

// webIdentityCases are IRSA's: they change what STS is shown, and the role that
// it is asked for.
func (a *amazon) webIdentityCases() []testCase {
	words := tokenWords{subject: roleTrust, issuer: roleToken, audience: roleToken, time: roleTime, signature: roleToken}
	cases := a.tokenCases(hopSTS, wrongAudience, words, a.start)
	if a.vendorRole() {
		cases = append(cases, testCase{"a token for an audience that the provider should not accept", hopSTS, anyWords, a.acceptedAudiences})
	}
	return append(cases,
		testCase{"another role of the account, asked of STS", hopSTS, roleTrust, func(ctx context.Context) error {
			return a.withRole(a.home.Account, ownName, "/", func(other string) error { return a.try(ctx, amazonVariation{asked: other}) })
		}},
		testCase{"a role of another account, asked of STS", hopSTS, roleToken, func(ctx context.Context) error {
			account, err := a.anotherAccount()
			if err != nil {
				return err
			}
			return a.withRole(account, ownName, "/", func(other string) error { return a.try(ctx, amazonVariation{asked: other}) })
		}},
	)
}

// acceptedAudiences reads the vendor's OIDC provider for the cluster: a token of it for
// another audience is not meant for AWS.
func (a *amazon) acceptedAudiences(context.Context) error {
	issuer, _, err := a.tokensOf(a.namespace, a.account)
	if err != nil {
		return err
	}
	account, err := a.Cloud.IAM.Account(a.home.Account)
	if err != nil {
		return err
	}
	provider, _ := account.Trusted(issuer)
	for _, audience := range provider.ClientIDs {
		if audience != audienceSTS {
			return allowed("the OIDC provider accepts the audience " + audience)
		}
	}
	return &refused{hopSTS, "the OIDC provider accepts " + audienceSTS + " alone"}
}

// podIdentityCases are those of EKS Pod Identity.
func (a *amazon) podIdentityCases() []testCase {
	words := tokenWords{subject: podAssociation, issuer: podToken, audience: podToken, time: podTime, signature: podToken}
	return append(a.tokenCases(hopSTS, wrongAudience, words, a.start),
		testCase{"session tags off", hopSTS, podTrust, a.attempting(a.withoutSessionTags)},
		testCase{"an association that names another role", hopSTS, anyWords, func(ctx context.Context) error {
			return a.refusedToken(ctx, a.withAssociatedRole)
		}},
		testCase{"another ServiceAccount with an association for the role", hopSTS, podTrust, func(ctx context.Context) error {
			return a.withAssociation(a.namespace, "default", func() error { return a.start(ctx, start{account: "default"}) })
		}},
		testCase{"another namespace with an association for the role", hopSTS, podTrust, func(ctx context.Context) error {
			return a.inAnotherNamespace(ctx, func(namespace string) error {
				return a.withAssociation(namespace, a.account, func() error { return a.start(ctx, start{namespace: namespace}) })
			})
		}},
	)
}

// refresherCases run pods: what must not work in place of the refresher's token.
func (a *amazon) refresherCases() []testCase {
	unread := "an IAM role on the product's ServiceAccount and no pull secret"
	if a.vendorRole() {
		unread = "no pull secret"
	}
	return append(a.rightCases(func(_ context.Context, run func() error) error { return a.withoutPull(run) }), []testCase{
		{"no injected token, with the node's role at hand", hopKubernetes, noToken, a.withoutToken},
		{unread, hopRegistry, nodePull, func(ctx context.Context) error {
			hop, err := a.pull(ctx, func(pod *corev1.PodSpec) { pod.ImagePullSecrets = nil })
			return refusedAt(hop, err)
		}},
	}...)
}

// withoutToken runs the refresher in a pod to which nobody gave its token: it
// must not go on as the node.
func (a *amazon) withoutToken(ctx context.Context) error {
	log, err := a.refresh(ctx, "rehearsal-uninjected", func(pod *corev1.PodSpec) {
		for i := range pod.Volumes {
			if subjectAudience(pod.Volumes[i]) != "" {
				pod.Volumes[i].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
			}
		}
	}, nil)
	if err != nil {
		return err
	}
	for _, hop := range refresherHops(log) {
		if !hop.OK {
			return refusedAt(hop, nil)
		}
	}
	return nil
}

// refusedAt takes a hop that failed for its refusal.
func refusedAt(hop Hop, err error) error {
	if err != nil || hop.OK {
		return err
	}
	return &refused{hop.Name, hop.Detail}
}

// policyCases take away one of the policies that a pull needs: the identity's,
// the repository's, or what a boundary leaves.
func (a *amazon) policyCases(role iam.Role) []testCase {
	boundary := testCase{"a permissions boundary that forbids", hopRegistry, ecrBoundary, a.attempting(func(run func() error) error { return a.withBoundary(tokenOnly, run) })}
	all := []testCase{
		{"no identity policy at all", hopECR, ecrToken, a.attempting(func(run func() error) error { return a.withPermissions("", run) })},
		{"the repository's policy alone", hopRegistry, ecrIdentity, a.attempting(func(run func() error) error { return a.withPermissions(tokenOnly, run) })},
	}
	if a.vendorRole() { // the repository has no policy that names the role
		return append(all, boundary)
	}
	return append(all, []testCase{
		{"the identity's policy alone", hopRegistry, ecrResource, a.attempting(func(run func() error) error {
			return a.withRepositoryPolicy(func(string) string { return "" }, run)
		})},
		{"a repository policy for the same role name on another path", hopRegistry, ecrResource, a.attempting(func(run func() error) error {
			return a.withRepositoryPolicy(func(text string) string {
				return strings.ReplaceAll(text, `"`+role.ARN+`"`, `"`+onAnotherPath(role)+`"`)
			}, run)
		})},
		boundary,
	}...)
}

// callerCases bring somebody else who may pull as far as their own policies go, one of
// another account too, or ask for something else.
func (a *amazon) callerCases(role iam.Role, another string) ([]testCase, error) {
	region, abroad := a.anotherRegion()
	image, alone := a.neighboursImage()
	if err := errors.Join(abroad, alone); err != nil {
		return nil, err
	}
	as := func(accountID, name, path string) func(context.Context) error {
		return func(ctx context.Context) error {
			return a.withRole(accountID, name, path, func(other string) error { return a.try(ctx, amazonVariation{become: other}) })
		}
	}
	own := []testCase{
		{"another role of the account", hopRegistry, ecrResource, as(a.home.Account, ownName, role.Path)},
		{"an IAM user of the account", hopRegistry, ecrResource, func(context.Context) error {
			user := a.home.Global("iam", "user/"+ownName)
			return a.asCaller(policy.Caller{Kind: policy.User, Account: a.home.Account, ARN: user}, user, "ecr:BatchGetImage")
		}},
		{"another, or no, aws:PrincipalArn", hopRegistry, ecrResource, func(context.Context) error {
			caller := iam.NewSession(role, sessionName).Caller()
			if err := a.asCaller(caller, role.ARN+ofAnother, "ecr:BatchGetImage"); isAllowed(err) {
				return err
			}
			return a.asCaller(caller, "", "ecr:BatchGetImage")
		}},
	}
	if a.vendorRole() { // who else of the vendor's own account reads, its own policies say
		own = nil
	}
	return append(append(own, []testCase{
		{"a role of another account, with the same name and path", hopRegistry, ecrResource, as(another, role.Name, role.Path)},
		{"anything but a pull", hopRegistry, ecrBeyond, func(context.Context) error {
			if err := a.beyondGranted(role); err != nil {
				return err
			}
			if err := a.otherActions(role); err != nil {
				return err
			}
			return a.beyondPull(role)
		}},
		{"a token of another Region", hopRegistry, ecrRegion, a.vary(amazonVariation{become: a.roleARN, region: region})},
		{"another customer's repository", hopRegistry, ecrEither, a.vary(amazonVariation{become: a.roleARN, image: image})},
		{"a push", hopRegistry, ecrPush, a.vary(amazonVariation{become: a.roleARN, do: doPush})},
		{"a release that ECR deletes by itself", hopRegistry, anyWords, a.expiring},
	}...), a.moveCases(ecrMoved)...), nil
}

// beyondGranted asks the repository's policy for the actions that no pull needs: those
// that it names, and the forbidden ones. nil where it lets the role do none of them. In the
// vendor's own account the role's own policies decide.
func (a *amazon) beyondGranted(role iam.Role) error {
	if a.vendorRole() {
		return nil
	}
	_, attached, err := a.repositoryPolicy()
	if err != nil {
		return err
	}
	actions := slices.Clone(forbidden)
	if attached != nil {
		for _, statement := range attached.Statements {
			actions = append(actions, statement.Actions...)
		}
	}
	for _, action := range actions {
		if slices.Contains(pullActions, action) {
			continue
		}
		if err := a.asCaller(iam.NewSession(role, sessionName).Caller(), role.ARN, action); isAllowed(err) {
			return allowed("the repository's policy lets it " + action)
		}
	}
	return nil
}

// expiring reads the repository's lifecycle policy: it must delete nothing that
// has a tag and may run, such as the release before the last one.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
func (a *amazon) expiring(context.Context) error {
	repository, err := a.repository()
	if err != nil {
		return err
	}
	var policy struct {
		Rules []struct {
			Selection struct {
				TagStatus   string `json:"tagStatus"`
				CountType   string `json:"countType"`
				CountNumber int    `json:"countNumber"`
			} `json:"selection"`
		} `json:"rules"`
	}
	if text := repository.Lifecycle; text != "" {
		if err := json.Unmarshal([]byte(text), &policy); err != nil {
			return err
		}
	}
	for _, rule := range policy.Rules {
		switch of := rule.Selection; {
		case of.TagStatus == "untagged" && repository.Mutability != "IMMUTABLE":
			return allowed("images that had a tag go, which may still run")
		case of.TagStatus == "untagged":
		case of.CountType != "imageCountMoreThan":
			return allowed(fmt.Sprintf("images with tags go %d days after their push", of.CountNumber))
		case of.CountNumber < mostReleases:
			return allowed(fmt.Sprintf("of the images with tags %d stay", of.CountNumber))
		}
	}
	return &refused{hopRegistry, fmt.Sprintf("%d images with tags stay", mostReleases)}
}

// asCaller asks IAM whether a caller of the account, with a policy of its own for
// all of ECR and an aws:PrincipalArn where that is not empty, may act on the
// repository. Users' keys are long-lived, and the sandbox gives none out, and every
// session has the key, so that there is no request to send.
func (a *amazon) asCaller(caller policy.Caller, principal, action string) error {
	repository, resource, err := a.repositoryPolicy()
	if err != nil {
		return err
	}
	all := policyOf(statement{"Effect": "Allow", "Action": "ecr:*", "Resource": "*"})
	identity, err := policy.Parse(policy.Identity, a.home.Partition().Name, all)
	if err != nil {
		return err
	}
	request := policy.Context{}
	if principal != "" {
		request.Set("aws:PrincipalArn", principal)
	}
	request.Set("aws:PrincipalAccount", a.home.Account)
	request.Set("aws:ResourceAccount", a.vendor.Account)
	decision := policy.Evaluate(policy.Request{
		Caller: caller, Action: action, Resource: repository.ARN(), Account: a.vendor.Account, Context: request,
	}, policy.Policies{Identity: []policy.Attached{{Document: identity}}, Resource: resource})
	if decision.Allowed {
		return nil
	}
	return &refused{hopRegistry, firstLine("DENIED: " + decision.Reason())}
}

// taskCases change the service's task definition and whom its role trusts; another is
// an account that is nobody's of the two.
func (a *amazon) taskCases(another string) []testCase {
	return []testCase{
		{"the product pulling, or asked at a port that it does not answer", hopExecution, anyWords, a.taskOfAnother},
		{"a service that loses its product without need", hopExecution, anyWords, a.interrupted},
		{"the product without what it needs", hopExecution, anyWords, a.incomplete},
		{"the product with the agent's rights", hopRegistry, anyWords, a.likeTheAgent},
		{"a release that fails, and stays", hopExecution, anyWords, a.rolledBack},
		{"logs that are kept for ever", hopLogs, anyWords, a.keptForEver},
		{"an execution role that trusts another account's tasks", hopExecution, taskRole, a.attempting(func(run func() error) error {
			return a.withTrust(func(text string) string { return strings.ReplaceAll(text, a.home.Account, another) }, run)
		})},
		{"an execution role that trusts another service", hopExecution, taskRole, a.attempting(func(run func() error) error {
			return a.withTrust(func(text string) string { return strings.ReplaceAll(text, "ecs-tasks.", "ec2.") }, run)
		})},
		{"a task definition with a role of another account", hopExecution, taskRoleARN, a.attempting(func(run func() error) error {
			return a.withDefinition(hopExecution, func(settings *ecs.TaskDefinitionSettings) {
				settings.ExecutionRoleARN = strings.Replace(settings.ExecutionRoleARN, a.home.Account, another, 1)
			}, run)
		})},
		{"another log group", hopLogs, taskLogs, a.attempting(func(run func() error) error {
			return a.withDefinition(hopLogs, func(settings *ecs.TaskDefinitionSettings) {
				for i, container := range settings.Containers {
					if container.LogConfiguration != nil {
						other := *container.LogConfiguration
						other.Options = maps.Clone(other.Options)
						other.Options["awslogs-group"] = a.logGroup + ofAnother
						settings.Containers[i].LogConfiguration = &other
					}
				}
			}, run)
		})},
	}
}

// rolledBack wants ECS to go back to the release that worked, by itself.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-circuit-breaker.html
func (a *amazon) rolledBack(context.Context) error {
	service, _, err := a.task()
	if err != nil {
		return err
	}
	for _, r := range a.Resources {
		if string(r.Type) == typeService && r.Inputs["waitForSteadyState"] != true {
			return allowed("an update that succeeds says nothing of its tasks: it does not wait for them")
		}
	}
	if !service.Enable || !service.Rollback {
		return allowed(fmt.Sprintf("the service's circuit breaker is %+v", service.CircuitBreaker))
	}
	return &refused{hopExecution, "ECS goes back to the release that worked"}
}

// keptForEver reads the log groups of the task: an unset retention is for ever.
func (a *amazon) keptForEver(context.Context) error {
	_, definition, err := a.task()
	if err != nil {
		return err
	}
	for _, container := range definition.Containers {
		if container.LogConfiguration == nil {
			continue
		}
		group, err := a.Cloud.Logs.Get(a.home, container.LogConfiguration.Options["awslogs-group"])
		if err != nil {
			return err
		}
		if group.RetentionInDays == 0 {
			return allowed("the log group " + group.Name + " keeps everything")
		}
	}
	return &refused{hopLogs, "every log ends"}
}

// taskOfAnother compares the service's task definition with what the world says
// of the product.
func (a *amazon) taskOfAnother(context.Context) error {
	service, definition, err := a.task()
	if err != nil {
		return err
	}
	if want := a.World.Walk.Product.Replicas; service.DesiredCount != want && want != 0 {
		return allowed(fmt.Sprintf("the service wants %d tasks: want %d (walk.product.replicas)", service.DesiredCount, want))
	}
	if len(service.SecurityGroups) == 0 {
		return allowed("the tasks are in the VPC's default security group")
	}
	if a.World.Walk.Product.Exposed && len(service.LoadBalancers) == 0 {
		return allowed("no load balancer reaches the tasks (walk.product.exposed)")
	}
	product := a.World.Walk.Product
	port := strconv.Itoa(product.Port)
	for _, container := range definition.Containers {
		for _, mapping := range container.PortMappings {
			if mapping.ContainerPort != product.Port {
				return allowed(fmt.Sprintf("container %s listens on port %d", container.Name, mapping.ContainerPort))
			}
		}
		// Without -f curl takes any answer for a good one, and ECS takes exit code 0.
		// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
		if check := container.HealthCheck; check != nil && !healthCheck(port, product.Health).MatchString(strings.Join(check.Command, " ")) {
			return allowed(fmt.Sprintf("the health check of %s runs %q", container.Name, check.Command))
		}
	}
	if platform := definition.RuntimePlatform; platform != nil && platform.CPUArchitecture == "ARM64" && !product.ARM {
		return allowed("the task runs on ARM64, for which the vendor builds no image (walk.product.arm)")
	}
	if definition.TaskRoleARN == definition.ExecutionRoleARN {
		return allowed("the product has the role that pulls")
	}
	return &refused{hopExecution, "the product has a role of its own, and is asked at port " + port}
}

// interrupted reads what of a service takes the product away without need: tasks in one
// subnet of several, and tasks that are stopped while they start or for one late answer.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html (the
// grace, which is for containers' health checks too) and
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
func (a *amazon) interrupted(context.Context) error {
	service, definition, err := a.task()
	if err != nil {
		return err
	}
	for _, account := range a.World.AWS.Accounts {
		for _, vpc := range account.VPCs {
			alike := slices.DeleteFunc(slices.Clone(vpc.Subnets), func(subnet string) bool {
				return slices.Contains(vpc.PublicSubnets, subnet) != slices.Contains(vpc.PublicSubnets, service.Subnets[0])
			})
			if slices.Contains(alike, service.Subnets[0]) && service.DesiredCount > 1 && len(service.Subnets) == 1 && len(alike) > 1 {
				return allowed(fmt.Sprintf("%d tasks share one subnet, of %d like it", service.DesiredCount, len(alike)))
			}
		}
	}
	if len(service.LoadBalancers) > 0 && service.HealthGrace < startTime {
		return allowed(fmt.Sprintf("the load balancer has a task stopped that does not answer %d s after its start: want %d s", service.HealthGrace, startTime))
	}
	for _, container := range definition.Containers {
		switch check := container.HealthCheck; {
		case check == nil:
		case check.Retries < enoughFailures:
			return allowed(fmt.Sprintf("one late answer of %s stops its task: want %d in a row", container.Name, enoughFailures))
		case max(service.HealthGrace, check.StartPeriod+check.Retries*check.Interval) < startTime:
			return allowed(fmt.Sprintf("the health check gives %s less than %d s for its start", container.Name, startTime))
		}
	}
	return &refused{hopExecution, "tasks are spread, and have time"}
}

// incomplete wants the variables that the product cannot do without in one of the task's
// containers, and the memory that it needs.
func (a *amazon) incomplete(context.Context) error {
	_, definition, err := a.task()
	if err != nil {
		return err
	}
	given := map[string]bool{}
	for _, container := range definition.Containers {
		for _, variable := range container.Environment {
			given[variable.Name] = true
		}
		for _, variable := range container.Secrets {
			given[variable.Name] = true
		}
	}
	if has, err := strconv.Atoi(definition.Memory); err != nil || has < a.World.Walk.Product.Memory {
		return allowed(fmt.Sprintf("the task has %s MiB: want %d (walk.product.memory)", definition.Memory, a.World.Walk.Product.Memory))
	}
	for _, name := range a.World.Walk.Product.Reads {
		if !given[name] {
			return allowed("the task lacks the variable " + name + " (walk.product.reads)")
		}
	}
	return &refused{hopExecution, "the task has what the world says that the product needs"}
}

// healthCheck is the command that asks a port for a path, and fails where it should.
func healthCheck(port, path string) *regexp.Regexp {
	return regexp.MustCompile(`^CMD-SHELL curl (-f|--fail) \S+:` + regexp.QuoteMeta(port+path) + ` \|\| exit 1$`)
}

// likeTheAgent wants the product's own role to have none of the rights that the agent
// needs: to get a token of ECR's, and to read what it gives the product.
func (a *amazon) likeTheAgent(context.Context) error {
	_, definition, err := a.task()
	if err != nil {
		return err
	}
	role, exists := a.Cloud.IAM.Role(definition.TaskRoleARN)
	if !exists {
		return &refused{hopRegistry, "the product has no role"}
	}
	tries := append(a.otherSecrets(), iam.Access{Action: "ecr:GetAuthorizationToken", Resource: "*"})
	for _, account := range a.World.AWS.Accounts {
		for _, secret := range account.Secrets {
			tries = append(tries, iam.Access{Action: "secretsmanager:GetSecretValue", Resource: secret.ARN}, iam.Access{Action: "ssm:GetParameters", Resource: secret.ARN})
			if secret.Key != "" {
				tries = append(tries, iam.Access{Action: "kms:Decrypt", Resource: secret.Key})
			}
		}
	}
	return a.mayNone(role, tries)
}

// WithoutPull runs while the role of a task may not pull; nothing runs for other chains.
func (r *Rehearsal) WithoutPull(run func() error) error {
	if a, ok := r.ways[0].(*amazon); ok && a.onECS() {
		return a.withoutPull(run)
	}
	return nil
}
