// Package kubelet stands in for the nodes of a cluster of the sandbox. Under one
// node's name it takes the place of the scheduler, of the kubelet, and of the
// container runtime: it binds every pod that asks for no other scheduler and whose
// nodeSelector and tolerations fit the node, whatever its affinity and resources
// say, and runs it as far as the rehearsal of a pull needs it.
//
// # As on a real node
//
//   - Images are pulled with the pod's pull secrets and then, where the node has
//     credentials of its own, with those; never with the pod's identity. What a
//     registry allowed one pod counts for no other. Refusals show as ErrImagePull
//     and ImagePullBackOff, with the registry's own words.
//   - Volumes: configMap, secret, emptyDir, projected (ServiceAccount tokens
//     bound to the pod, configMap, secret, downwardAPI) and downwardAPI, with
//     items, modes, fsGroup and subPath. What is missing and not optional keeps
//     the pod in ContainerCreating, with a FailedMount event.
//   - Environment: values with $(VAR), fieldRef, configMapKeyRef, and the API
//     server's address. What is missing shows as CreateContainerConfigError.
//   - runAsNonRoot is checked here, not by admission (docs/facts.md §7).
//   - The refresher runs for real, in a root directory unpacked from its image,
//     as the user that the pod or the image names. Exit codes, termination messages,
//     whole logs (kubectl logs), status, conditions and events are a kubelet's.
//   - Network policies are enforced where pods come by (package policy): the proxy
//     opens no tunnel to a host that a pod may not reach or resolve, nobody
//     listens at the address of an API server that it may not reach, and the Pod
//     Identity agent does not answer.
//
// The proxy, its certificate authority and NO_PROXY are in every container's
// environment, as a cluster sets them whose egress goes through a proxy. Where the
// customer has a proxy of its own ([Config].Egress), only the authority is: the pod
// reaches that proxy by its own variables.
//
// # What is different
//
//   - An image whose label waybill.example/sandbox is "placeholder" stands for
//     the product: it is pulled, its configuration is checked, and then it is
//     reported running and ready without being run. An event says so. What
//     its envFrom and secretKeyRef name is not checked.
//   - Of pull secrets, those of type kubernetes.io/dockerconfigjson count, with
//     registries' hosts as keys.
//   - Probes are not executed: a container is ready when it runs. An event says
//     so.
//   - Back-off is 1 to 10 seconds instead of 10 seconds to 5 minutes.
//   - The network is this machine's: a pod's address is made up, and there is no
//     cluster DNS.
//   - Not enforced: cgroup limits, seccomp and AppArmor profiles, capabilities,
//     allowPrivilegeEscalation, sizeLimit, activeDeadlineSeconds of a pod (that
//     of a Job is the controller's). readOnlyRootFilesystem takes away
//     the permission to write, which stops every user but root. Volumes other
//     than emptyDirs belong to root and have their modes, and no more. Where
//     this process is not root, all files of a container belong to the
//     container's user, and it has no further groups.
//   - Volumes are copied in when a container starts, not mounted: they do not
//     follow later changes, and a token is not renewed.
//   - The only device is /dev/null, a file that keeps what is written to it.
//   - The container is no wall against a hostile image: see package process.
//
// # What is refused
//
// A pod that asks for what would silently be something else stays pending, with
// every reason in an event and in its containers' status: hostPath and other
// kinds of volumes, the node's process and IPC namespaces, init containers,
// lifecycle hooks, block devices.
//
// So does one whose image is no placeholder, unless it is as plain as the refresher:
// one container of regular files and directories, restartPolicy Never, a command that
// is an absolute path, a user with a number, and neither envFrom, secretKeyRef,
// resourceFieldRef, subPathExpr nor supplementalGroups.
//
// # Restarts of the sandbox
//
// Pods whose containers stand for the product go on as they were. A container
// that ran for real and lost its process has failed with exit code 137.
package kubelet
