package fault

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html"
	"regexp"
	"strings"
)

// answerWords finds the human sentence in the forms that the chain's clouds use: OAuth's (RFC 6749 §5.2;
// Entra, Google's STS), Google's API errors (https://google.aip.dev/193), AWS's in XML (STS) and in JSON 1.1
// (ECR), and a registry's list (OCI distribution specification, "Error Codes"). Another document has none,
// since it may hold a token; text that is neither JSON nor AWS's XML is its own.
func answerWords(body []byte) string {
	trimmed := bytes.TrimSpace(body)
	switch {
	case len(trimmed) == 0:
		return ""
	case isPage(trimmed):
		return pageWords(trimmed)
	case trimmed[0] == '<':
		return xmlWords(trimmed)
	case json.Valid(trimmed):
		return jsonWords(trimmed)
	default:
		return string(body)
	}
}

// xmlWords reads the errors of AWS's query protocol,
// https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization. The documents of
// that protocol that are no errors hold keys; any other markup is a page that somebody put in the way.
func xmlWords(body []byte) string {
	var form struct {
		XMLName xml.Name
		Error   struct {
			Code    string `xml:"Code"`
			Message string `xml:"Message"`
		} `xml:"Error"`
	}
	err := xml.Unmarshal(body, &form)
	switch {
	case err == nil && form.XMLName.Local == "ErrorResponse" && form.Error.Code != "":
		return joined(form.Error.Code, form.Error.Message)
	case strings.Contains(string(body), "Credentials"):
		return ""
	default:
		return string(body)
	}
}

// What of a page is not for its reader.
var (
	unseen = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)\s*>|<!--.*?-->`)
	title  = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	markup = regexp.MustCompile(`(?s)<[^>]*>`)
)

// pageLimit bounds how much of a page is looked at, in bytes.
const pageLimit = 64 << 10

// pageWords are a page's title and text.
func pageWords(body []byte) string {
	body = body[:min(len(body), pageLimit)]
	words := ""
	if found := title.FindSubmatch(body); found != nil {
		words = string(found[1]) + ": "
	}
	text := markup.ReplaceAllString(unseen.ReplaceAllString(string(body), " "), " ")
	return strings.TrimSuffix(html.UnescapeString(words+oneLine(text)), ": ")
}

func jsonWords(body []byte) string {
	var form struct {
		Error            json.RawMessage `json:"error"`
		ErrorDescription string          `json:"error_description"`
		Type             string          `json:"__type"`
		Message          string          `json:"message"`
		Errors           []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &form) != nil {
		return ""
	}
	if form.Type != "" {
		// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization: a
		// namespace may stand before the name, a URL behind.
		code := form.Type[strings.LastIndex(form.Type, "#")+1:]
		code, _, _ = strings.Cut(code, ":")
		return joined(code, form.Message)
	}
	var code string
	if json.Unmarshal(form.Error, &code) == nil && code != "" {
		return joined(code, form.ErrorDescription)
	}
	var api struct {
		Message string `json:"message"`
		Status  string `json:"status"`
	}
	if json.Unmarshal(form.Error, &api) == nil && api.Message != "" {
		return strings.TrimPrefix(api.Status+": "+api.Message, ": ")
	}
	var lines []string
	for _, e := range form.Errors {
		lines = append(lines, e.Code+": "+e.Message)
	}
	return strings.Join(lines, "; ")
}

func joined(code, message string) string {
	return strings.TrimSuffix(code+": "+message, ": ")
}
