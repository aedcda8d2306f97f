package rehearsal

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Record is what the clouds' servers granted and refused, read from their own
// answers. Whoever walks may say what it likes: a hop holds if its server granted
// it, in return for what the hop before gave.
type Record struct {
	mutex   sync.Mutex
	answers []answer
}

// answer is one of a server.
type answer struct {
	hop string
	// at is when it was given.
	at time.Time
	// shown is with what the client proved who it is, given what it got for it:
	// tokens, passwords, and the IDs of keys.
	shown, given string
	// issuer, subject and audience are those of what was given; until is when it ends.
	issuer, subject, audience string
	until                     time.Time
	// path of the request; refusal has the server's words, empty where it granted.
	path, refusal string
}

// maxRequest bounds what is read of a request, in bytes.
const maxRequest = 1 << 20

// Watch records what a host's handler answers; nil stays nil.
func (r *Record) Watch(host string, handler http.Handler) http.Handler {
	if handler == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		reader := readerOf(host, request)
		if reader == nil {
			handler.ServeHTTP(w, request)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxRequest))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		heard := &hearing{ResponseWriter: w, status: http.StatusOK}
		handler.ServeHTTP(heard, request)
		a := answer{at: time.Now(), path: request.URL.Path}
		reader(&a, exchange{request, body, heard.text.Bytes(), host})
		if heard.status != http.StatusOK {
			a.given, a.refusal = "", firstLine(heard.text.String())
		}
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.answers = append(r.answers, a)
	})
}

// mark is the place in the record where a walk begins.
func (r *Record) mark() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return len(r.answers)
}

// since are the answers after a mark.
func (r *Record) since(mark int) []answer {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.answers[mark:]
}

// find returns the last answer since a mark at a hop, or at any, to a request that
// is as wanted; one that grants goes before one that refuses.
func (r *Record) find(since int, hop string, wanted func(answer) bool) (found answer, exists bool) {
	for _, a := range r.since(since) {
		if (hop == "" || a.hop == hop) && wanted(a) && (!exists || a.refusal == "" || found.refusal != "") {
			found, exists = a, true
		}
	}
	return found, exists
}

// leaked is the hop whose token or password a text holds; empty for none. What is
// shorter than secretSize is the ID of a key, which is no secret.
func (r *Record) leaked(since int, text []byte) string {
	for _, a := range r.since(since) {
		for _, secret := range []string{a.shown, a.given} {
			if len(secret) >= secretSize && bytes.Contains(text, []byte(secret)) {
				return a.hop
			}
		}
	}
	return ""
}

const secretSize = 40

// refusals is how often one of the hops has refused since a mark.
func (r *Record) refusals(since int, hops ...string) (count int) {
	for _, a := range r.since(since) {
		if slices.Contains(hops, a.hop) && a.refusal != "" {
			count++
		}
	}
	return count
}

func showing(token string) func(answer) bool { return func(a answer) bool { return a.shown == token } }

// hearing is an answer that is listened to.
type hearing struct {
	http.ResponseWriter
	status int
	text   bytes.Buffer
}

func (h *hearing) WriteHeader(status int) {
	h.status = status
	h.ResponseWriter.WriteHeader(status)
}

func (h *hearing) Write(text []byte) (int, error) {
	h.text.Write(text)
	return h.ResponseWriter.Write(text)
}

// Unwrap lets http.ResponseController flush and hijack.
func (h *hearing) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// exchange is a request with its answer.
type exchange struct {
	request    *http.Request
	body, text []byte
	host       string
}

func (e exchange) form(key string) string {
	form, _ := url.ParseQuery(string(e.body)) // a body that is no form has no key
	return form.Get(key)
}

// credentials are the request's token or password, or the ID of the keys that
// signed it.
func (e exchange) credentials() string {
	scheme, value, _ := strings.Cut(e.request.Header.Get("Authorization"), " ")
	if _, password, basic := e.request.BasicAuth(); basic {
		return password
	}
	if signed := keyID.FindStringSubmatch(value); strings.HasPrefix(scheme, "AWS4-") && signed != nil {
		return signed[1]
	}
	return value
}

var keyID = regexp.MustCompile(`Credential=([^/]+)/`)

// registryToken stands for a registry that is asked for a token of its own, for what
// the client wants to do there: Artifact Registry refuses that already.
const registryToken = "registry's token"

// readerOf reads the requests that give or take what a chain is made of, and
// no others: nil for those.
func readerOf(host string, request *http.Request) func(*answer, exchange) {
	path := request.URL.Path
	switch {
	case strings.HasSuffix(path, "/oauth2/v2.0/token"):
		return readEntraToken
	case host == "sts.googleapis.com":
		return readExchange
	case host == "iamcredentials.googleapis.com":
		return readImpersonation
	case strings.HasPrefix(host, "sts.") && request.Method == http.MethodPost:
		return readWebIdentity
	case strings.HasSuffix(path, "/assume-role-for-pod-identity"):
		return readPodIdentity
	case strings.HasPrefix(host, "api.ecr."):
		return readAuthorization
	case path == "/v2/token":
		return func(a *answer, e exchange) { a.hop, a.shown = registryToken, e.credentials() }
	case strings.Contains(path, "/manifests/") && request.Method == http.MethodGet:
		return func(a *answer, e exchange) { a.hop, a.shown = hopRegistry, e.credentials() }
	}
	return nil
}

func readEntraToken(a *answer, e exchange) {
	var got struct {
		Token string `json:"access_token"`
	}
	_ = json.Unmarshal(e.text, &got)
	a.hop, a.shown, a.given = hopEntra, e.form("client_assertion"), got.Token
	a.describe(got.Token)
}

// describe takes the claims of the token that was given.
func (a *answer) describe(text string) {
	if t, err := parse(text); err == nil {
		a.issuer, a.subject, a.audience = t.Claims.Text("iss"), t.Claims.Text("sub"), strings.Join(t.Claims.Audiences(), " ")
		a.until, _ = t.Claims.Time("exp")
	}
}

func readExchange(a *answer, e exchange) {
	var got struct {
		Token string `json:"access_token"`
		Life  int64  `json:"expires_in"`
	}
	_ = json.Unmarshal(e.text, &got)
	a.hop, a.shown, a.given = hopSTS, e.form("subject_token"), got.Token
	a.issuer, a.audience, a.until = "https://"+e.host, e.form("audience"), a.at.Add(time.Duration(got.Life)*time.Second)
	if t, err := parse(a.shown); err == nil {
		a.subject = t.Claims.Text("sub")
	}
}

func readImpersonation(a *answer, e exchange) {
	var asked struct {
		Scope []string `json:"scope"`
	}
	var got struct {
		Token string    `json:"accessToken"`
		Until time.Time `json:"expireTime"`
	}
	_, _ = json.Unmarshal(e.body, &asked), json.Unmarshal(e.text, &got)
	account, _, _ := strings.Cut(e.request.URL.Path[strings.LastIndex(e.request.URL.Path, "/")+1:], ":")
	a.hop, a.shown, a.given, a.until = hopIAM, e.credentials(), got.Token, got.Until
	a.issuer, a.subject, a.audience = "https://"+e.host, account, strings.Join(asked.Scope, " ")
}

func readWebIdentity(a *answer, e exchange) {
	var got struct {
		KeyID    string    `xml:"AssumeRoleWithWebIdentityResult>Credentials>AccessKeyId"`
		Until    time.Time `xml:"AssumeRoleWithWebIdentityResult>Credentials>Expiration"`
		Role     string    `xml:"AssumeRoleWithWebIdentityResult>AssumedRoleUser>Arn"`
		Audience string    `xml:"AssumeRoleWithWebIdentityResult>Audience"`
	}
	_ = xml.Unmarshal(e.text, &got)
	a.hop, a.shown, a.given, a.until = hopSTS, e.form("WebIdentityToken"), got.KeyID, got.Until
	a.issuer, a.subject, a.audience = "https://"+e.host, got.Role, got.Audience
}

func readPodIdentity(a *answer, e exchange) {
	var asked struct {
		Token string `json:"token"`
	}
	var got struct {
		Role struct {
			ARN string `json:"arn"`
		} `json:"assumedRoleUser"`
		Audience string `json:"audience"`
		Keys     struct {
			ID    string  `json:"accessKeyId"`
			Until float64 `json:"expiration"`
		} `json:"credentials"`
	}
	_, _ = json.Unmarshal(e.body, &asked), json.Unmarshal(e.text, &got)
	a.hop, a.shown, a.given, a.until = hopSTS, asked.Token, got.Keys.ID, time.Unix(int64(got.Keys.Until), 0)
	a.issuer, a.subject, a.audience = "https://"+e.host, got.Role.ARN, got.Audience
}

func readAuthorization(a *answer, e exchange) {
	var got struct {
		Data []struct {
			Token    string  `json:"authorizationToken"`
			Until    float64 `json:"expiresAt"`
			Endpoint string  `json:"proxyEndpoint"`
		} `json:"authorizationData"`
	}
	_ = json.Unmarshal(e.text, &got)
	a.hop, a.shown = hopECR, e.credentials()
	if len(got.Data) == 1 {
		text, _ := base64.StdEncoding.DecodeString(got.Data[0].Token)
		_, a.given, _ = strings.Cut(string(text), ":")
		a.until, a.audience = time.Unix(int64(got.Data[0].Until), 0), got.Data[0].Endpoint
	}
	a.issuer = "https://" + e.host
}
