package kubelet

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// volume is the contents of a volume, by relative path.
type volume map[string]file

type file struct {
	data []byte
	mode fs.FileMode
	// owner is a user other than root's.
	owner int64
}

// mountVolumes finds the contents of the pod's volumes, and looks again while
// something is missing. The error is why the pod ended.
func (w *worker) mountVolumes() error {
	return w.insist(func() error {
		w.volumes = map[string]volume{}
		var problems []error
		for i := range w.pod.Spec.Volumes {
			v := &w.pod.Spec.Volumes[i]
			if v.EmptyDir != nil {
				continue
			}
			contents, err := w.contents(v)
			if err != nil && w.ctx.Err() == nil {
				w.k.events.pod(w.pod, corev1.EventTypeWarning, "FailedMount", "MountVolume.SetUp failed for volume %q : %v", v.Name, err)
			}
			problems = append(problems, err)
			w.volumes[v.Name] = contents
		}
		return errors.Join(problems...)
	}, func(error) {})
}

func (w *worker) contents(v *corev1.Volume) (volume, error) {
	contents := volume{}
	switch {
	case v.ConfigMap != nil:
		source := v.ConfigMap
		return contents, w.addConfigMap(contents, source.LocalObjectReference, source.Items, source.Optional, source.DefaultMode)
	case v.Secret != nil:
		source := v.Secret
		return contents, w.addSecret(contents, source.SecretName, source.Items, source.Optional, source.DefaultMode)
	case v.DownwardAPI != nil:
		return contents, w.addFields(contents, v.DownwardAPI.Items, v.DownwardAPI.DefaultMode)
	default: // Projected: unsupported refuses others.
		for _, source := range v.Projected.Sources {
			if err := w.addProjection(contents, source, v.Projected.DefaultMode); err != nil {
				return nil, err
			}
		}
		return contents, nil
	}
}

func (w *worker) addProjection(contents volume, source corev1.VolumeProjection, mode *int32) error {
	switch {
	case source.ServiceAccountToken != nil:
		return w.addToken(contents, source.ServiceAccountToken, mode)
	case source.ConfigMap != nil:
		return w.addConfigMap(contents, source.ConfigMap.LocalObjectReference, source.ConfigMap.Items, source.ConfigMap.Optional, mode)
	case source.Secret != nil:
		return w.addSecret(contents, source.Secret.Name, source.Secret.Items, source.Secret.Optional, mode)
	case source.DownwardAPI != nil:
		return w.addFields(contents, source.DownwardAPI.Items, mode)
	default:
		return fmt.Errorf("want serviceAccountToken, configMap, secret or downwardAPI: the sandbox projects nothing else")
	}
}

func (w *worker) addConfigMap(contents volume, from corev1.LocalObjectReference, items []corev1.KeyToPath, optional *bool, mode *int32) error {
	found, err := w.configMap(from.Name, optional)
	if err != nil || found == nil {
		return err
	}
	data := map[string][]byte{}
	maps.Copy(data, found.BinaryData)
	for key, value := range found.Data {
		data[key] = []byte(value)
	}
	return contents.add(data, items, optional, mode, "configmap references non-existent config key: %s")
}

func (w *worker) addSecret(contents volume, name string, items []corev1.KeyToPath, optional *bool, mode *int32) error {
	found, err := w.secret(name, optional)
	if err != nil || found == nil {
		return err
	}
	return contents.add(found.Data, items, optional, mode, "references non-existent secret key: %s")
}

func (v volume) add(data map[string][]byte, items []corev1.KeyToPath, optional *bool, mode *int32, missing string) error {
	if len(items) == 0 {
		for key, value := range data {
			v[key] = file{data: value, mode: fileMode(mode, nil)}
		}
		return nil
	}
	for _, item := range items {
		value, found := data[item.Key]
		if !found && !ptr.Deref(optional, false) {
			return fmt.Errorf(missing, item.Key)
		}
		if found {
			v[path.Clean(item.Path)] = file{data: value, mode: fileMode(mode, item.Mode)}
		}
	}
	return nil
}

func (w *worker) addFields(contents volume, items []corev1.DownwardAPIVolumeFile, mode *int32) error {
	for _, item := range items {
		if item.FieldRef == nil {
			return fmt.Errorf("item %q: want fieldRef: the sandbox enforces no resources", item.Path)
		}
		value, err := w.field(item.FieldRef.FieldPath)
		if err != nil {
			return err
		}
		contents[path.Clean(item.Path)] = file{data: []byte(value), mode: fileMode(mode, item.Mode)}
	}
	return nil
}

// addToken asks for a token of the pod's ServiceAccount, bound to the pod. It
// is for the eyes of the container's user only, where the pod names one, or of its
// fsGroup.
func (w *worker) addToken(contents volume, source *corev1.ServiceAccountTokenProjection, mode *int32) error {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: w.pod.Name, UID: w.pod.UID},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	token, err := w.k.client.CoreV1().ServiceAccounts(w.pod.Namespace).CreateToken(w.ctx, w.pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("failed to fetch token: %w", err)
	}
	f := file{data: []byte(token.Status.Token), mode: fileMode(mode, nil)}
	security := security(w.pod, &w.pod.Spec.Containers[0])
	if user := security.RunAsUser; user != nil {
		f.mode, f.owner = 0o600, *user
	}
	if security.FSGroup != nil {
		f.mode = 0o600 // and what fsGroup adds
	}
	contents[path.Clean(source.Path)] = f
	return nil
}

func fileMode(volume, item *int32) fs.FileMode {
	return fs.FileMode(ptr.Deref(item, ptr.Deref(volume, corev1.ConfigMapVolumeSourceDefaultMode))).Perm() //nolint:gosec // the API allows 0 to 0777
}

// below is the part of a volume that a mount's subPath names: one file, whose
// name is then empty, or what is in a directory. One that does not exist is an
// empty directory.
func (v volume) below(subPath string) volume {
	if subPath = path.Clean(subPath); subPath == "." {
		return v
	}
	if f, ok := v[subPath]; ok {
		return volume{"": f}
	}
	part := volume{}
	for name, f := range v {
		if inner, ok := strings.CutPrefix(name, subPath+"/"); ok {
			part[inner] = f
		}
	}
	return part
}

// mounts are the container's mounts, those first that others can be inside of.
func mounts(c *corev1.Container) []corev1.VolumeMount {
	sorted := slices.Clone(c.VolumeMounts)
	slices.SortStableFunc(sorted, func(a, b corev1.VolumeMount) int {
		return len(path.Clean(a.MountPath)) - len(path.Clean(b.MountPath))
	})
	return sorted
}
