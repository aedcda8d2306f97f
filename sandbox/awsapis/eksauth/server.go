package eksauth

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/arn"
	"waybill.example/waybill/sandbox/aws/eks"
	"waybill.example/waybill/sandbox/aws/fault"
	"waybill.example/waybill/sandbox/aws/iam"
	"waybill.example/waybill/sandbox/aws/sts"
	"waybill.example/waybill/sandbox/awsapis/access"
	"waybill.example/waybill/sandbox/awsapis/internal/awsjson"
	"waybill.example/waybill/sandbox/oidc"
)

const (
	// Service is the principal that roles trust.
	Service = "pods.eks.amazonaws.com"
	// operation is the only one.
	operation = "AssumeRoleForPodIdentity"
)

// Server is the EKS Auth API in every Region of the world's accounts.
type Server struct {
	gate     *access.Gate
	clusters *eks.Store
	verifier *oidc.Verifier
}

// New makes the endpoint. The clusters are those of every account, with their
// associations.
func New(gate *access.Gate, clusters *eks.Store) *Server {
	return &Server{gate: gate, clusters: clusters, verifier: oidc.NewVerifier(gate.Client, jose.RS256)}
}

// suffixes of the endpoints by partition:
// https://docs.aws.amazon.com/general/latest/gr/eks.html
var suffixes = map[string]string{"aws": "api.aws", "aws-us-gov": "api.aws", "aws-cn": "api.amazonwebservices.com.cn", "aws-eusc": "api.amazonwebservices.eu"}

// Host is the endpoint of a Region, for example eks-auth.eu-central-1.api.aws.
func Host(region string) string {
	return "eks-auth." + region + "." + suffixes[arn.PartitionOf(region).Name]
}

// Endpoint is the one of a Region.
func (s *Server) Endpoint(region string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /clusters/{cluster}/assume-role-for-pod-identity", func(w http.ResponseWriter, r *http.Request) {
		answer, err := s.assumeRole(w, r, region)
		if err != nil {
			awsjson.Refuse(w, err)
			return
		}
		awsjson.Answer(w, answer)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		awsjson.Refuse(w, refuse(http.StatusNotFound, "UnknownOperationException", "the sandbox has no operation "+r.Method+" "+r.URL.Path))
	})
	return mux
}

func (s *Server) assumeRole(w http.ResponseWriter, r *http.Request, region string) (any, error) {
	body, err := awsjson.Read(w, r)
	if err != nil {
		return nil, err
	}
	caller, err := s.gate.Authenticate(r, body, "eks-auth", region)
	if err != nil {
		return nil, err
	}
	place := arn.Place{Account: caller.Account, Region: region}
	name := r.PathValue("cluster")
	if err := s.gate.Authorize(caller, iam.Access{
		Action: "eks-auth:" + operation, Resource: place.ARN("eks", "cluster/"+name), Account: place.Account, Region: region,
	}); err != nil {
		return nil, err
	}
	cluster, err := s.clusters.Cluster(place, name)
	if err != nil {
		return nil, err
	}
	var request struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(body, &request); err != nil || request.Token == "" {
		return nil, refuse(http.StatusBadRequest, "InvalidParameterException", "want a token")
	}
	pod, err := s.verify(r.Context(), cluster.Issuer, request.Token)
	if err != nil {
		return nil, err
	}
	association, found := s.clusters.AssociationOf(place, name, pod.Namespace, pod.ServiceAccount)
	if !found {
		// EKS does not publish the words.
		return nil, refuse(http.StatusNotFound, "ResourceNotFoundException",
			"No association found for ServiceAccount "+pod.Namespace+"/"+pod.ServiceAccount+" in cluster "+name)
	}
	return s.become(cluster, pod, association)
}

// become assumes the role of an association for a pod.
func (s *Server) become(cluster eks.Cluster, pod pod, association eks.Association) (any, error) {
	assumption := sts.Assumption{
		Service: Service, RoleARN: association.RoleARN, Session: sessionName(cluster.Name, pod.Name),
		SourceARN: cluster.ARN(),
	}
	if !association.DisableSessionTags {
		assumption.Tags = map[string]string{
			"eks-cluster-arn":            cluster.ARN(),
			"eks-cluster-name":           cluster.Name,
			"kubernetes-namespace":       pod.Namespace,
			"kubernetes-service-account": pod.ServiceAccount,
			"kubernetes-pod-name":        pod.Name,
			"kubernetes-pod-uid":         pod.UID,
		}
	}
	credentials, err := s.gate.STS.Assume(assumption)
	switch {
	case fault.Has(err, sts.AccessDenied):
		// EKS says neither which policy nor why:
		// https://github.com/aws/eks-pod-identity-agent/issues/139
		return nil, refuse(http.StatusBadRequest, "AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume the associated role.")
	case err != nil:
		return nil, err
	}
	// https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumeRoleForPodIdentity.html#API_auth_AssumeRoleForPodIdentity_ResponseSyntax
	return map[string]any{
		"assumedRoleUser": map[string]string{"arn": credentials.Session.ARN(), "assumeRoleId": credentials.Session.UserID()},
		"audience":        Service,
		"credentials": map[string]any{
			"accessKeyId": credentials.AccessKeyID, "secretAccessKey": credentials.SecretAccessKey, "sessionToken": credentials.SessionToken,
			"expiration": credentials.Expiration.Unix(), // in seconds since 1970
		},
		"podIdentityAssociation": map[string]string{"associationArn": association.ARN(), "associationId": association.ID},
		"subject":                map[string]string{"namespace": pod.Namespace, "serviceAccount": pod.ServiceAccount},
	}, nil
}

// sessionName is eks-CLUSTER-POD-UUID
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_auth_AssumedRoleUser.html),
// with names cut so that it has no more than the 64 characters of a session name.
func sessionName(cluster, pod string) string {
	const most = 10
	// The characters of a pod's name are allowed in a session's.
	return "eks-" + cluster[:min(most, len(cluster))] + "-" + cmp.Or(pod[:min(most, len(pod))], "pod") + "-" + uuid.NewString()
}

func refuse(status int, code, message string) error {
	return &fault.Error{Service: "EKS Auth", Operation: operation, Status: status, Code: code, Message: message}
}
