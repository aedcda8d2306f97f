package provider_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"waybill.example/waybill/sandbox/kubernetes/provider"
)

type object = map[string]any

// keys are paths as the engine sees them: the SDK's server passes on a
// provider's detailed difference as lists of changed and of replacing paths.
func keys(paths ...string) []resource.PropertyKey {
	var result []resource.PropertyKey
	for _, path := range paths {
		result = append(result, resource.PropertyKey(path))
	}
	return result
}

// podTemplate is a pod that Pod Security admits under restricted.
func podTemplate(image string, labels object) object {
	return object{
		"metadata": object{"labels": labels},
		"spec": object{
			"restartPolicy":   "Never",
			"securityContext": object{"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": object{"type": "RuntimeDefault"}},
			"containers": []any{object{
				"name": "main", "image": image,
				"securityContext": object{"allowPrivilegeEscalation": false, "capabilities": object{"drop": []any{"ALL"}}},
				// Written unlike the API server writes it back.
				"resources": object{"requests": object{"cpu": "1000m", "memory": "1024Mi"}},
			}},
		},
	}
}

func deployment(name, image string) object {
	template := podTemplate(image, object{"app": name})
	template["spec"].(object)["restartPolicy"] = "Always"
	return object{
		"metadata": object{"name": name, "namespace": "shop"},
		"spec": object{
			"replicas": 1,
			"selector": object{"matchLabels": object{"app": name}},
			"template": template,
		},
	}
}

func TestANamespaceLivesAndDies(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	created := e.mustCreate("core/v1:Namespace", "product", object{"metadata": object{"name": "product", "labels": object{"team": "a"}}})
	assert.Equal(t, resource.ID("product"), created.id)
	assert.Equal(t, "a", created.text("metadata.labels.team"))
	assert.Regexp(t, `^pulumi-kubernetes-[0-9a-f]{8}$`, created.text("__fieldManager"))

	updated := e.mustUpdate(created, object{"metadata": object{"name": "product", "labels": object{"stage": "b"}}})
	live, err := client.CoreV1().Namespaces().Get(t.Context(), "product", metav1.GetOptions{})
	require.NoError(t, err)
	assert.Equal(t, "b", live.Labels["stage"])
	assert.NotContains(t, live.Labels, "team", "what left the inputs leaves the object")
	for _, entry := range live.ManagedFields {
		if entry.Manager == updated.text("__fieldManager") {
			assert.Equal(t, metav1.ManagedFieldsOperationApply, entry.Operation)
		}
	}

	// An object in it goes with it, by the cluster's own controllers.
	e.mustCreate("core/v1:ConfigMap", "inside", object{"metadata": object{"name": "inside", "namespace": "product"}})
	require.NoError(t, e.delete(updated))
	_, err = client.CoreV1().Namespaces().Get(t.Context(), "product", metav1.GetOptions{})
	assert.True(t, apierrors.IsNotFound(err), "%v", err)
	require.NoError(t, e.delete(updated), "a second deletion finds nothing to do")
	assert.Empty(t, e.mustRefresh(updated).id)
}

func TestAnExistingObjectIsNotOverwritten(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	inputs := object{"metadata": object{"name": "taken", "namespace": "shop"}, "data": object{"a": "1"}}
	e.mustCreate("core/v1:ConfigMap", "first", inputs)
	_, err := e.create("core/v1:ConfigMap", "second", inputs)
	require.ErrorContains(t, err, `ConfigMap shop/taken: configmaps "taken" already exists`)

	// A preview cannot tell it from one that is about to be replaced.
	_, err = e.preview("core/v1:ConfigMap", "second", properties(inputs))
	require.NoError(t, err)

	adopting := open(t, provider.Options{}, map[string]any{"upsertExistingObjects": true})
	_, err = adopting.create("core/v1:ConfigMap", "second", object{"metadata": object{"name": "taken", "namespace": "shop"}, "data": object{"b": "2"}})
	require.NoError(t, err)
}

func TestAConfigMapIsReplacedUnlessItIsMutable(t *testing.T) {
	strict := open(t, provider.Options{}, nil)
	inputs := func(value string) object {
		return object{"metadata": object{"name": "settings", "namespace": "shop"}, "data": object{"a": value}}
	}
	created := strict.mustCreate("core/v1:ConfigMap", "settings", inputs("1"))
	_, diff := strict.diff(created, inputs("1"))
	assert.Equal(t, plugin.DiffNone, diff.Changes)

	_, diff = strict.diff(created, inputs("2"))
	assert.Equal(t, keys("data.a"), diff.ReplaceKeys)
	assert.True(t, diff.DeleteBeforeReplace, "the name is the program's own")

	mutable := open(t, provider.Options{}, map[string]any{"enableConfigMapMutable": true})
	updated := mutable.mustUpdate(created, inputs("2"))
	assert.Equal(t, "2", updated.text("data.a"))
}

func TestAnAutomaticNameIsStableAndReplacedByAnother(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	inputs := object{"metadata": object{"namespace": "shop"}, "data": object{"a": "1"}}
	created := e.mustCreate("core/v1:ConfigMap", "auto", inputs)
	assert.Regexp(t, `^shop/auto-[0-9a-f]{8}$`, string(created.id))
	assert.Equal(t, "true", created.text(`metadata.annotations["pulumi.com/autonamed"]`))
	again := e.mustCheck(state{urn: created.urn}, properties(inputs))
	assert.Equal(t, created.inputs, again, "the same seed gives the same name")

	kept, diff := e.diff(created, inputs)
	assert.Equal(t, plugin.DiffNone, diff.Changes)
	assert.Equal(t, created.inputs["metadata"], kept["metadata"])

	_, diff = e.diff(created, object{"metadata": object{"namespace": "shop"}, "data": object{"a": "2"}})
	assert.True(t, diff.Replace())
	assert.False(t, diff.DeleteBeforeReplace, "the new object has another name")
}

func TestAutomaticNamesFollowTheStacksConfiguration(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	check := func(autonaming plugin.AutonamingOptions) (plugin.CheckResponse, error) {
		return e.provider.Check(t.Context(), plugin.CheckRequest{
			URN: urnOf("core/v1:ConfigMap", "auto"), Olds: resource.PropertyMap{}, News: resource.PropertyMap{}, Autonaming: &autonaming,
		})
	}
	checked, err := check(plugin.AutonamingOptions{ProposedName: "auto-dev", Mode: plugin.AutonamingModePropose})
	require.NoError(t, err)
	assert.Equal(t, "auto-dev", checked.Properties["metadata"].ObjectValue()["name"].StringValue())
	_, err = check(plugin.AutonamingOptions{Mode: plugin.AutonamingModeDisabled})
	require.ErrorContains(t, err, "metadata.name is missing")
}

func TestCheckCompletesAndCompares(t *testing.T) {
	e := open(t, provider.Options{}, map[string]any{"namespace": "shop"})
	checked := e.mustCheck(state{urn: urnOf("core/v1:ConfigMap", "a")}, properties(object{"metadata": object{"name": "a"}}))
	assert.Equal(t, properties(object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "a", "namespace": "shop"}}), checked,
		"no label is added: v4 sets none with server-side apply")

	namespace := e.mustCheck(state{urn: urnOf("core/v1:Namespace", "a")}, properties(object{"metadata": object{"name": "a"}}))
	assert.NotContains(t, namespace["metadata"].ObjectValue(), resource.PropertyKey("namespace"))

	wrong, err := e.check(state{urn: urnOf("core/v1:ConfigMap", "a")}, properties(object{
		"kind": "Secret", "metadata": object{"generateName": "a-"},
	}))
	require.NoError(t, err)
	require.Len(t, wrong.Failures, 2)

	unknown := resource.MakeComputed(resource.NewStringProperty(""))
	later := e.mustCheck(state{urn: urnOf("core/v1:ConfigMap", "a")}, resource.PropertyMap{
		"metadata": resource.NewObjectProperty(resource.PropertyMap{"name": unknown, "namespace": unknown}),
	})
	assert.True(t, later["metadata"].ObjectValue()["name"].IsComputed(), "an unknown name is not replaced by an automatic one")
	assert.True(t, later["metadata"].ObjectValue()["namespace"].IsComputed())
}

func TestADeploymentIsUpdatedInPlaceAndReplacedWithItsSelector(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	created := e.mustCreate("apps/v1:Deployment", "web", deployment("web", "registry.example/web:1"))
	assert.Contains(t, e.messages(), "created; the sandbox runs no kubelet, so it did not wait for the Deployment to become available")

	_, diff := e.diff(created, deployment("web", "registry.example/web:1"))
	assert.Equal(t, plugin.DiffNone, diff.Changes, "1000m is 1 and 1024Mi is 1Gi: %v", diff.ChangedKeys)

	updated := e.mustUpdate(created, deployment("web", "registry.example/web:2"))
	assert.Equal(t, "registry.example/web:2", updated.text("spec.template.spec.containers[0].image"))
	assert.Contains(t, e.messages(), "updated; the sandbox runs no kubelet, so it did not wait for the Deployment to become available")

	changed := deployment("web", "registry.example/web:2")
	changed["spec"].(object)["selector"] = object{"matchLabels": object{"app": "other"}}
	_, diff = e.diff(updated, changed)
	assert.Equal(t, keys("spec.selector.matchLabels.app"), diff.ReplaceKeys)
	assert.True(t, diff.DeleteBeforeReplace)
	require.NoError(t, e.delete(updated), "the garbage collector takes the ReplicaSet and its pods first")
}

func TestAJobsTemplateReplacesItAndACronJobsDoesNot(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	job := func(image string) object {
		return object{"metadata": object{"name": "once", "namespace": "shop"}, "spec": object{"template": podTemplate(image, nil)}}
	}
	created := e.mustCreate("batch/v1:Job", "once", job("registry.example/job:1"))
	assert.Contains(t, e.messages(), "created; the sandbox runs no kubelet, so it did not wait for the Job to complete")
	_, diff := e.diff(created, job("registry.example/job:2"))
	assert.True(t, diff.Replace())

	unready := job("registry.example/job:1")
	unready["metadata"].(object)["annotations"] = object{"pulumi.com/replaceUnready": "true"}
	_, diff = e.diff(created, unready)
	assert.True(t, diff.Replace(), "the Job has not completed: %v", diff.ChangedKeys)

	cron := func(image, schedule string) object {
		return object{"metadata": object{"name": "often", "namespace": "shop"}, "spec": object{
			"schedule": schedule, "jobTemplate": object{"spec": object{"template": podTemplate(image, nil)}},
		}}
	}
	often := e.mustCreate("batch/v1:CronJob", "often", cron("registry.example/job:1", "*/15 * * * *"))
	often = e.mustUpdate(often, cron("registry.example/job:2", "*/20 * * * *"))
	assert.Equal(t, "*/20 * * * *", often.text("spec.schedule"))
	assert.Equal(t, "registry.example/job:2", often.text("spec.jobTemplate.spec.template.spec.containers[0].image"))
}

func TestAnUpdateLeavesWhatTheClusterAdded(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	job := func(label string) object {
		return object{
			"metadata": object{"name": "labelled", "namespace": "shop", "labels": object{"version": label}},
			"spec":     object{"template": podTemplate("registry.example/job:1", object{"app": "labelled"})},
		}
	}
	createdJob := e.mustCreate("batch/v1:Job", "labelled", job("1"))
	updatedJob := e.mustUpdate(createdJob, job("2"))
	assert.Equal(t, "2", updatedJob.text("metadata.labels.version"))
	assert.Equal(t, createdJob.text("spec.selector"), updatedJob.text("spec.selector"))
	assert.Equal(t, createdJob.text("spec.template.metadata.labels"), updatedJob.text("spec.template.metadata.labels"))

	service := func(port int) object {
		return object{
			"metadata": object{"name": "addressed", "namespace": "shop"},
			"spec":     object{"selector": object{"app": "web"}, "ports": []any{object{"name": "http", "port": port}}},
		}
	}
	createdService := e.mustCreate("core/v1:Service", "addressed", service(80))
	updatedService := e.mustUpdate(createdService, service(81))
	assert.Equal(t, "81", fmt.Sprint(updatedService.outputs["spec"].ObjectValue()["ports"].ArrayValue()[0].ObjectValue()["port"].NumberValue()))
	assert.NotEmpty(t, createdService.text("spec.clusterIP"))
	assert.Equal(t, createdService.text("spec.clusterIP"), updatedService.text("spec.clusterIP"))
}

func TestACreateWaitsForItsNamespace(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	const delay = 300 * time.Millisecond // less than the first retry's
	made := make(chan error, 1)
	began := time.Now()
	time.AfterFunc(delay, func() {
		_, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "late"}}, metav1.CreateOptions{})
		made <- err
	})
	created := e.mustCreate("core/v1:ConfigMap", "early", object{"metadata": object{"name": "early", "namespace": "late"}})
	assert.GreaterOrEqual(t, time.Since(began), delay, "it cannot have succeeded before")
	require.NoError(t, <-made)
	assert.Equal(t, resource.ID("late/early"), created.id)
}

func TestARoleBindingsRoleAndTheNamespaceReplace(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	binding := func(namespace, role string) object {
		return object{
			"metadata": object{"name": "reader", "namespace": namespace},
			"roleRef":  object{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
			"subjects": []any{object{"kind": "ServiceAccount", "name": "refresher", "namespace": "shop"}},
		}
	}
	created := e.mustCreate("rbac.authorization.k8s.io/v1:RoleBinding", "reader", binding("shop", "a"))
	_, diff := e.diff(created, binding("shop", "b"))
	assert.Equal(t, keys("roleRef.name"), diff.ReplaceKeys)
	_, diff = e.diff(created, binding("strict", "a"))
	assert.Equal(t, keys("metadata.namespace"), diff.ReplaceKeys)
	assert.False(t, diff.DeleteBeforeReplace, "another namespace has room for the same name")
}

func TestUnknownFieldsAreRefusedInPreviewCreateAndUpdate(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	typo := object{"metadata": object{"name": "typo", "namespace": "shop"}, "spec": object{"schedul": "* * * * *"}}
	_, err := e.preview("batch/v1:CronJob", "typo", properties(typo))
	require.ErrorContains(t, err, `CronJob shop/typo:`)
	require.ErrorContains(t, err, `unknown field "spec.schedul"`)
	_, err = e.create("batch/v1:CronJob", "typo", typo)
	require.ErrorContains(t, err, `unknown field "spec.schedul"`)

	created := e.mustCreate("core/v1:ServiceAccount", "typo", object{"metadata": object{"name": "typo", "namespace": "shop"}})
	_, err = e.update(created, object{"metadata": object{"name": "typo", "namespace": "shop"}, "automountServiceAccountTokn": false})
	require.ErrorContains(t, err, "ServiceAccount shop/typo:")
	require.ErrorContains(t, err, "automountServiceAccountTokn")
}

func TestRefusalsAreTheAPIServersOwnWords(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	_, err := e.create("core/v1:ConfigMap", "bad", object{"metadata": object{"name": "Not_A_Name", "namespace": "shop"}})
	require.ErrorContains(t, err, `ConfigMap shop/Not_A_Name: ConfigMap "Not_A_Name" is invalid: metadata.name`)
}

func TestPodSecurityWarnsOfWorkloadsAndDeniesPods(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	rooted := deployment("rooted", "registry.example/web:1")
	rooted["metadata"].(object)["namespace"] = "strict"
	rooted["spec"].(object)["template"].(object)["spec"] = object{"containers": []any{object{"name": "main", "image": "registry.example/web:1"}}}
	e.mustCreate("apps/v1:Deployment", "rooted", rooted)
	require.NotEmpty(t, e.messages())
	assert.Contains(t, e.messages()[0], "warning: would violate PodSecurity \"restricted:latest\"")

	_, err := e.create("core/v1:Pod", "rooted", object{
		"metadata": object{"name": "rooted", "namespace": "strict"},
		"spec":     object{"containers": []any{object{"name": "main", "image": "registry.example/web:1"}}},
	})
	require.ErrorContains(t, err, `Pod strict/rooted: pods "rooted" is forbidden: violates PodSecurity "restricted:latest"`)

	quiet := open(t, provider.Options{}, nil)
	admitted := deployment("admitted", "registry.example/web:1")
	admitted["metadata"].(object)["namespace"] = "strict"
	quiet.mustCreate("apps/v1:Deployment", "admitted", admitted)
	for _, message := range quiet.messages() {
		assert.NotContains(t, message, "PodSecurity")
	}
}

func TestASecretsDataIsSecretAndItsTextIsEncoded(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	created := e.mustCreate("core/v1:Secret", "pull", object{
		"metadata": object{"name": "text", "namespace": "shop"}, "type": "Opaque", "stringData": object{"key": "value"},
	})
	assert.True(t, created.outputs["data"].IsSecret())
	assert.Equal(t, "dmFsdWU=", created.text("data.key"))
	assert.True(t, created.inputs["data"].IsSecret())
	assert.NotContains(t, created.inputs, resource.PropertyKey("stringData"))

	_, diff := e.diff(created, object{
		"metadata": object{"name": "text", "namespace": "shop"}, "type": "Opaque", "data": object{"key": "dmFsdWU="},
	})
	assert.Equal(t, plugin.DiffNone, diff.Changes, "the same data, written in the other way")
	_, diff = e.diff(created, object{
		"metadata": object{"name": "text", "namespace": "shop"}, "type": "Opaque", "stringData": object{"key": "other"},
	})
	assert.True(t, diff.Replace(), "enableSecretMutable is off by default")

	annotated := e.mustCreate("core/v1:ConfigMap", "hidden", nil)
	withSecret := properties(object{"metadata": object{"name": "hidden", "namespace": "shop"}})
	withSecret["data"] = resource.NewObjectProperty(resource.PropertyMap{
		"open": resource.NewStringProperty("a"), "hidden": resource.MakeSecret(resource.NewStringProperty("b")),
	})
	inputs := e.mustCheck(state{urn: annotated.urn}, withSecret)
	response, err := e.provider.Create(t.Context(), plugin.CreateRequest{URN: annotated.urn, Properties: inputs})
	require.NoError(t, err)
	data := response.Properties["data"].ObjectValue()
	assert.True(t, data["hidden"].IsSecret())
	assert.False(t, data["open"].IsSecret())
}

// refreshSecret writes a Secret's data as the refresher does: a forced
// server-side apply of the one key, under a field manager of its own
// (docs/facts.md §6, §8).
func refreshSecret(t *testing.T, name, content string) {
	t.Helper()
	force := true
	patch := `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"` + name + `","namespace":"shop",` +
		`"annotations":{"waybill/expires":"soon"}},"data":{".dockerconfigjson":"` + content + `"}}`
	_, err := client.CoreV1().Secrets("shop").Patch(t.Context(), name, types.ApplyPatchType, []byte(patch),
		metav1.PatchOptions{FieldManager: "refresher", Force: &force})
	require.NoError(t, err)
}

func TestARefreshedSecretSurvivesUpdatesAndRefreshes(t *testing.T) {
	const (
		empty  = "eyJhdXRocyI6e319"                         // {"auths":{}}
		first  = "eyJhdXRocyI6eyJhIjp7ImF1dGgiOiJiIn19fQ==" // {"auths":{"a":{"auth":"b"}}}
		second = "eyJhdXRocyI6eyJjIjp7ImF1dGgiOiJkIn19fQ==" // {"auths":{"c":{"auth":"d"}}}
	)
	e := open(t, provider.Options{}, nil)
	inputs := func(label string) object {
		return object{
			"metadata": object{"name": "pull", "namespace": "shop", "labels": object{"version": label}},
			"type":     string(corev1.SecretTypeDockerConfigJson),
			"data":     object{".dockerconfigjson": empty},
		}
	}
	live := func() *corev1.Secret {
		secret, err := client.CoreV1().Secrets("shop").Get(t.Context(), "pull", metav1.GetOptions{})
		require.NoError(t, err)
		return secret
	}
	ignore := []string{"data", "stringData"}
	secret := e.mustCreate("core/v1:Secret", "pull", inputs("1"))
	uid := live().UID

	refreshSecret(t, "pull", first)
	_, diff := e.diff(secret, inputs("1"), ignore...)
	assert.Equal(t, plugin.DiffNone, diff.Changes, "an update without changes")

	secret = e.mustUpdate(secret, inputs("2"), ignore...)
	assert.Equal(t, "2", live().Labels["version"])
	assert.Equal(t, `{"auths":{"a":{"auth":"b"}}}`, string(live().Data[".dockerconfigjson"]), "a changed label")

	secret = e.mustRefresh(secret)
	assert.Equal(t, first, secret.text(`data[".dockerconfigjson"]`))
	_, diff = e.diff(secret, inputs("2"), ignore...)
	assert.Equal(t, plugin.DiffNone, diff.Changes, "after a refresh: %v", diff.ChangedKeys)

	refreshSecret(t, "pull", second)
	secret = e.mustUpdate(secret, inputs("3"), ignore...)
	assert.Equal(t, `{"auths":{"c":{"auth":"d"}}}`, string(live().Data[".dockerconfigjson"]), "a stale state and a changed label")
	refreshSecret(t, "pull", first)
	assert.Equal(t, "soon", live().Annotations["waybill/expires"], "the annotation of another manager stays")
	assert.Equal(t, uid, live().UID, "it was never replaced")

	_, diff = e.diff(e.mustRefresh(secret), inputs("3"))
	assert.True(t, diff.Replace(), "without ignoreChanges the refreshed data is a change")
}

func TestAnotherManagersFieldIsAConflictUnlessForced(t *testing.T) {
	e := open(t, provider.Options{}, map[string]any{"enableConfigMapMutable": true})
	inputs := func(value string) object {
		return object{"metadata": object{"name": "contested", "namespace": "shop"}, "data": object{"a": value}}
	}
	created := e.mustCreate("core/v1:ConfigMap", "contested", inputs("1"))
	force := true
	_, err := client.CoreV1().ConfigMaps("shop").Patch(t.Context(), "contested", types.ApplyPatchType,
		[]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"contested"},"data":{"a":"theirs"}}`),
		metav1.PatchOptions{FieldManager: "somebody", Force: &force})
	require.NoError(t, err)
	_, err = e.update(created, inputs("2"))
	require.ErrorContains(t, err, "ConfigMap shop/contested: another field manager owns")
	require.ErrorContains(t, err, `conflict with "somebody"`)

	forced := open(t, provider.Options{}, map[string]any{"enableConfigMapMutable": true, "enablePatchForce": true})
	assert.Equal(t, "2", forced.mustUpdate(created, inputs("2")).text("data.a"))
}

func TestADriftIsFoundByARefresh(t *testing.T) {
	e := open(t, provider.Options{}, nil)
	inputs := object{"metadata": object{"name": "drift", "namespace": "shop", "labels": object{"a": "1"}}}
	created := e.mustCreate("core/v1:ServiceAccount", "drift", inputs)
	_, err := client.CoreV1().ServiceAccounts("shop").Patch(t.Context(), "drift", types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"a":"2","theirs":"x"}}}`), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	require.NoError(t, err)
	refreshed := e.mustRefresh(created)
	_, diff := e.diff(refreshed, inputs)
	assert.Equal(t, keys("metadata.labels.a"), diff.ChangedKeys, "what others added is no change")
	assert.False(t, diff.Replace())
}

func TestAnObjectIsReadByItsIDAlone(t *testing.T) {
	e := open(t, provider.Options{}, map[string]any{"namespace": "shop"})
	e.mustCreate("core/v1:ConfigMap", "known", object{"metadata": object{"name": "known"}, "data": object{"a": "1"}})
	for _, id := range []resource.ID{"shop/known", "known"} {
		read, err := e.refresh(state{urn: urnOf("core/v1:ConfigMap", "got"), id: id})
		require.NoError(t, err)
		assert.Equal(t, id, read.id)
		assert.Equal(t, "1", read.text("data.a"))
		assert.Equal(t, "1", read.inputs["data"].ObjectValue()["a"].StringValue())
		assert.NotContains(t, read.inputs["metadata"].ObjectValue(), resource.PropertyKey("uid"))
	}
	read, err := e.refresh(state{urn: urnOf("core/v1:ConfigMap", "got"), id: "shop/nowhere"})
	require.NoError(t, err)
	assert.Empty(t, read.id)
	_, err = e.refresh(state{urn: urnOf("core/v1:ConfigMap", "got"), id: "a/b/c"})
	require.ErrorContains(t, err, `ID "a/b/c": want NAME or NAMESPACE/NAME`)
}

func TestTwoConnectionsKeepTheirOwnConfiguration(t *testing.T) {
	one := open(t, provider.Options{}, map[string]any{"namespace": "shop"})
	two := open(t, provider.Options{}, map[string]any{"namespace": "strict"})
	assert.Equal(t, resource.ID("shop/mine"), one.mustCreate("core/v1:ConfigMap", "mine", object{"metadata": object{"name": "mine"}}).id)
	assert.Equal(t, resource.ID("strict/mine"), two.mustCreate("core/v1:ConfigMap", "mine", object{"metadata": object{"name": "mine"}}).id)
}
