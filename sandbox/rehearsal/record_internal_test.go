package rehearsal

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What servers answer is read from their answers, which reach the client whole.
func TestARecordHasWhatServersGrantedAndRefused(t *testing.T) {
	form := func(values ...string) string {
		all := url.Values{}
		for i := 0; i < len(values); i += 2 {
			all.Set(values[i], values[i+1])
		}
		return all.Encode()
	}
	for name, c := range map[string]struct {
		host, path, authorization, body, answer string
		want                                    answer
	}{
		"Entra": {"login.microsoftonline.com", "/tenant/oauth2/v2.0/token", "", form("client_assertion", "shown"), `{"access_token":"given"}`,
			answer{hop: hopEntra, shown: "shown", given: "given"}},
		"Google's STS": {"sts.googleapis.com", "/v1/token", "", form("subject_token", "shown", "audience", "pool"), `{"access_token":"given","expires_in":60}`,
			answer{hop: hopSTS, shown: "shown", given: "given", issuer: "https://sts.googleapis.com", audience: "pool"}},
		"a service account": {"iamcredentials.googleapis.com", "/v1/projects/-/serviceAccounts/a@b:generateAccessToken", "Bearer shown", `{"scope":["x"]}`, `{"accessToken":"given"}`,
			answer{hop: hopIAM, shown: "shown", given: "given", issuer: "https://iamcredentials.googleapis.com", subject: "a@b", audience: "x"}},
		"AWS STS": {"sts.eu-central-1.amazonaws.com", "/", "", form("WebIdentityToken", "shown"),
			`<R><AssumeRoleWithWebIdentityResult><Audience>aud</Audience><AssumedRoleUser><Arn>role</Arn></AssumedRoleUser><Credentials><AccessKeyId>given</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></R>`,
			answer{hop: hopSTS, shown: "shown", given: "given", issuer: "https://sts.eu-central-1.amazonaws.com", subject: "role", audience: "aud"}},
		"EKS Auth": {"eks-auth.eu-central-1.api.aws", "/clusters/apps/assume-role-for-pod-identity", "AWS4-HMAC-SHA256 Credential=NODE/x", `{"token":"shown"}`,
			`{"assumedRoleUser":{"arn":"role"},"audience":"aud","credentials":{"accessKeyId":"given"}}`,
			answer{hop: hopSTS, shown: "shown", given: "given", issuer: "https://eks-auth.eu-central-1.api.aws", subject: "role", audience: "aud"}},
		"ECR": {"api.ecr.eu-central-1.amazonaws.com", "/", "AWS4-HMAC-SHA256 Credential=shown/x", "{}", `{"authorizationData":[{"authorizationToken":"QVdTOmdpdmVu","proxyEndpoint":"here"}]}`,
			answer{hop: hopECR, shown: "shown", given: "given", issuer: "https://api.ecr.eu-central-1.amazonaws.com", audience: "here"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{http.StatusForbidden, http.StatusOK, http.StatusForbidden} {
				record := &Record{}
				handler := record.Watch(c.host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.Equal(t, c.body, string(body), "the server gets the whole request")
					w.WriteHeader(status)
					_, _ = io.WriteString(w, c.answer)
				}))
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+c.host+c.path, strings.NewReader(c.body))
				request.Header.Set("Authorization", c.authorization)
				response := httptest.NewRecorder()
				handler.ServeHTTP(response, request)
				assert.Equal(t, c.answer, response.Body.String())
				got, exists := record.find(0, c.want.hop, showing("shown"))
				require.True(t, exists)
				if status != http.StatusOK {
					assert.Empty(t, got.given)
					assert.Equal(t, c.answer, got.refusal)
					continue
				}
				got.at, got.until, got.path = c.want.at, c.want.until, ""
				assert.Equal(t, c.want, got)
			}
		})
	}
	assert.Nil(t, (&Record{}).Watch("nowhere.example", nil))
}

func TestAGrantGoesBeforeARefusal(t *testing.T) {
	record := &Record{answers: []answer{{hop: hopSTS, shown: "a", given: "1"}, {hop: hopSTS, shown: "a", given: "2"}, {hop: hopSTS, shown: "a", refusal: "no"}}}
	got, exists := record.find(0, hopSTS, showing("a"))
	assert.True(t, exists)
	assert.Equal(t, "2", got.given)
	_, exists = record.find(0, hopIAM, showing("a"))
	assert.False(t, exists)
	_, exists = record.find(record.mark(), hopSTS, showing("a"))
	assert.False(t, exists)
}

// A refresher that only says that all went well ticks nothing.
func TestAFailedHopIsExplainedByTheRefresherAndNotTickedByIt(t *testing.T) {
	hop := Hop{Name: hopSTS, Detail: nobodyAsked + "asked with what the hop before gave"}
	assert.Equal(t, hop.Detail+", whatever the refresher's log says", explainHop(hop, []Hop{{Name: hopSTS, OK: true}}))
	assert.Equal(t, "the cause", explainHop(hop, []Hop{{Name: hopSTS, Detail: "the cause"}}))
	assert.Equal(t, hop.Detail, explainHop(hop, nil))
}
