package cli_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"
)

const (
	agentHost    = "169.254.170.23"
	agentURL     = "http://169.254.170.23/v1/credentials"
	agentURLv6   = "http://[fd00:ec2::23]/v1/credentials"
	eksIssuer    = "https://oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
	customer     = "111122223333"
	vendor       = "444455556666"
	ecrImagePath = "acme/product"
	stsAssume    = "AssumeRoleWithWebIdentity"
	stsCaller    = "GetCallerIdentity"
)

// partition is what differs from one AWS partition to the next.
type partition struct{ id, region, registryRegion, suffix string }

var (
	commercial = partition{"aws", "eu-west-1", "us-east-1", "amazonaws.com"}
	government = partition{"aws-us-gov", "us-gov-west-1", "us-gov-east-1", "amazonaws.com"}
	china      = partition{"aws-cn", "cn-northwest-1", "cn-north-1", "amazonaws.com.cn"}
)

func (p partition) sts() string      { return "sts." + p.region + "." + p.suffix }
func (p partition) ecr() string      { return "api.ecr." + p.registryRegion + "." + p.suffix }
func (p partition) registry() string { return vendor + ".dkr.ecr." + p.registryRegion + "." + p.suffix }
func (p partition) image() string    { return p.registry() + "/" + ecrImagePath + ":1.10" }
func (p partition) role() string     { return "arn:" + p.id + ":iam::" + customer + ":role/team/puller" }
func (p partition) session() string {
	return "arn:" + p.id + ":sts::" + customer + ":assumed-role/puller/waybill-refresher"
}

func amazonHosts() []string {
	var hosts []string
	for _, p := range []partition{commercial, government, china} {
		hosts = append(hosts, p.sts(), p.ecr(), p.registry(), strings.Replace(p.registry(), vendor, customer, 1))
	}
	return hosts
}

// amazonWorld is the part of the world that is AWS's.
type amazonWorld struct {
	partition

	accessKey, secretKey, sessionToken, password string
	caller                                       string // that STS names
	tokenLife                                    time.Duration
	agent                                        *httptest.Server
	dialled                                      []string // addresses, by way of the agent's dialer
}

func newAmazonWorld() amazonWorld {
	random := make([]byte, 8)
	_, _ = rand.Read(random)
	return amazonWorld{
		partition:    commercial,
		accessKey:    fmt.Sprintf("ASIA%X", random),
		secretKey:    opaque("sk/"),
		sessionToken: opaque("IQoJb3JpZ2luX2VjE+"),
		password:     opaque("ecr-"),
		caller:       commercial.session(),
		tokenLife:    12 * time.Hour,
	}
}

func (a *amazonWorld) secrets() []string {
	return []string{a.accessKey, a.secretKey, a.sessionToken, a.password}
}

// authorizationToken is what ECR hands out.
func (a *amazonWorld) authorizationToken() string {
	return base64.StdEncoding.EncodeToString([]byte("AWS:" + a.password))
}

// amazonPod lays out what the pod's contract promises for the trusts of AWS.
func (w *world) amazonPod(trust string) {
	w.tokenFile = filepath.Join(w.t.TempDir(), "token")
	w.write(w.tokenFile, w.ksaToken+"\n")
	w.env = map[string]string{
		"WAYBILL_TRUST":             trust,
		"WAYBILL_SECRET":            secretName,
		"WAYBILL_NAMESPACE":         namespace,
		"WAYBILL_DEADLINE":          "30s",
		"WAYBILL_PROPAGATION":       "0s",
		"AWS_EC2_METADATA_DISABLED": "true",
	}
	if trust == "irsa" {
		w.env["AWS_WEB_IDENTITY_TOKEN_FILE"] = w.tokenFile
	} else {
		w.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = agentURL
		w.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = w.tokenFile
	}
	w.moveTo(commercial)
}

// moveTo sets the chain up in a partition.
func (w *world) moveTo(p partition) {
	w.amazon.partition, w.amazon.caller = p, p.session()
	w.env["WAYBILL_REGISTRY"] = p.registry()
	w.env["WAYBILL_IMAGES"] = p.image()
	w.env["AWS_REGION"] = p.region
	w.env["AWS_ROLE_ARN"] = p.role()
}

func (w *world) dialAgent(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.amazon.dialled = append(w.amazon.dialled, address)
	w.mu.Unlock()
	return (&net.Dialer{}).DialContext(ctx, network, w.amazon.agent.Listener.Addr().String())
}

// amazonAction is the action of a request to AWS's STS, and nothing for any other.
func amazonAction(r *http.Request) string {
	if !strings.HasPrefix(r.Host, "sts.") || !strings.Contains(r.Host, ".amazonaws.com") {
		return ""
	}
	return r.FormValue("Action")
}

func (w *world) amazonAnswer(r *http.Request) http.HandlerFunc {
	switch r.Host {
	case agentHost, "[fd00:ec2::23]":
		return w.agentCredentials
	case w.amazon.sts():
		return w.amazonSTS
	case w.amazon.ecr():
		return w.ecrToken
	case w.amazon.registry():
		return w.ecrRegistry
	default:
		return status(http.StatusTeapot, "nobody lives here")
	}
}

// signed reports whether the request is signed with the role's temporary credentials, for service in region.
func (w *world) signed(r *http.Request, service, region string) bool {
	header := r.Header.Get("Authorization")
	return strings.HasPrefix(header, "AWS4-HMAC-SHA256 Credential="+w.amazon.accessKey+"/") &&
		strings.Contains(header, "/"+region+"/"+service+"/aws4_request") &&
		r.Header.Get("X-Amz-Security-Token") == w.amazon.sessionToken
}

func (w *world) agentCredentials(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.Path != "/v1/credentials" || r.Header.Get("Authorization") != w.ksaToken {
		status(http.StatusBadRequest, "unexpected request")(rw, r)
		return
	}
	answerJSON(rw, map[string]any{
		"AccessKeyId": w.amazon.accessKey, "SecretAccessKey": w.amazon.secretKey, "Token": w.amazon.sessionToken,
		"AccountId": customer, "Expiration": time.Now().Add(6 * time.Hour).UTC().Format(time.RFC3339Nano),
	})
}

func (w *world) amazonSTS(rw http.ResponseWriter, r *http.Request) {
	const document = `<%[1]sResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><%[1]sResult>%[2]s</%[1]sResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></%[1]sResponse>`
	rw.Header().Set("Content-Type", "text/xml")
	action := r.FormValue("Action")
	switch {
	case action == stsAssume && r.Header.Get("Authorization") == "" && r.FormValue("RoleArn") == w.env["AWS_ROLE_ARN"] &&
		r.FormValue("WebIdentityToken") == w.ksaToken && r.FormValue("RoleSessionName") == "waybill-refresher":
		_, _ = fmt.Fprintf(rw, document, action, fmt.Sprintf(
			`<AssumedRoleUser><AssumedRoleId>AROA:waybill-refresher</AssumedRoleId><Arn>%s</Arn></AssumedRoleUser>`+
				`<Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials>`,
			w.amazon.session(), w.amazon.accessKey, w.amazon.secretKey, w.amazon.sessionToken, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)))
	case action == stsCaller && w.signed(r, "sts", w.amazon.region):
		_, _ = fmt.Fprintf(rw, document, action, fmt.Sprintf(`<Arn>%s</Arn><UserId>AROA:waybill-refresher</UserId><Account>%s</Account>`, w.amazon.caller, customer))
	default:
		stsRefusal(http.StatusBadRequest, "ValidationError", "unexpected request")(rw, r)
	}
}

// stsRefusal answers as AWS's STS does.
func stsRefusal(code int, name, message string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		rw.WriteHeader(code)
		_, _ = fmt.Fprintf(rw, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>`, name, message)
	}
}

// ecrRefusal answers as ECR's API does.
func ecrRefusal(code int, name, message string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		rw.WriteHeader(code)
		_, _ = fmt.Fprintf(rw, `{"__type":%q,"message":%q}`, name, message)
	}
}

// ecrAuthorization answers with a token, however it looks.
func ecrAuthorization(data map[string]any) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		answerJSON(rw, map[string]any{"authorizationData": []any{data}})
	}
}

func (w *world) ecrToken(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Header.Get("X-Amz-Target") != "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken" || string(body) != "{}" || !w.signed(r, "ecr", w.amazon.registryRegion) {
		ecrRefusal(http.StatusBadRequest, "ValidationException", "unexpected request")(rw, r)
		return
	}
	ecrAuthorization(map[string]any{
		"authorizationToken": w.amazon.authorizationToken(),
		"expiresAt":          float64(time.Now().Add(w.amazon.tokenLife).UnixMilli()) / 1000,
		// The caller's own registry: following it would pull from the wrong account.
		"proxyEndpoint": "https://" + strings.Replace(w.amazon.registry(), vendor, customer, 1),
	})(rw, r)
}

func (w *world) ecrRegistry(rw http.ResponseWriter, r *http.Request) {
	user, password, basic := r.BasicAuth()
	switch {
	case !basic || user != "AWS" || password != w.amazon.password:
		rw.Header().Set("WWW-Authenticate", fmt.Sprintf(`Basic realm="https://%s/",service="ecr.amazonaws.com"`, r.Host))
		status(http.StatusUnauthorized, `{"errors":[{"code":"DENIED","message":"no basic auth credentials"}]}`)(rw, r)
	case r.URL.Path == "/v2/":
		status(http.StatusOK, "")(rw, r)
	case r.URL.Path == "/v2/"+ecrImagePath+"/manifests/1.10":
		answerManifest(rw, r)
	default:
		status(http.StatusNotFound, `{"errors":[{"code":"NAME_UNKNOWN","message":"unexpected request"}]}`)(rw, r)
	}
}
