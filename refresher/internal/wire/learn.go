package wire

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"

	"waybill.example/waybill/refresher/internal/redact"
)

// secretFields are the fields of answers that hold secrets, in lower case: OAuth's and Google's; AWS's keys,
// from STS in XML, and from ECR and the Pod Identity agent in JSON.
var secretFields = map[string]bool{
	"access_token":       true,
	"accesstoken":        true,
	"token":              true,
	"id_token":           true,
	"refresh_token":      true,
	"accesskeyid":        true,
	"secretaccesskey":    true,
	"sessiontoken":       true,
	"authorizationtoken": true,
}

// learn adds the secrets of an answer to the set, before any client has a chance to quote it.
func learn(secrets *redact.Set, body []byte) {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) {
		learnXML(secrets, body)
		return
	}
	var document any
	if json.Unmarshal(body, &document) == nil {
		learnJSON(secrets, "", document)
	}
}

func learnJSON(secrets *redact.Set, field string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			learnJSON(secrets, key, inner)
		}
	case []any:
		for _, inner := range v {
			learnJSON(secrets, field, inner)
		}
	case string:
		if secretFields[strings.ToLower(field)] {
			secrets.Add(v)
		}
	}
}

// learnXML reads as far as the document goes: a broken one may still have held a secret.
func learnXML(secrets *redact.Set, body []byte) {
	decoder := xml.NewDecoder(bytes.NewReader(body))
	field := ""
	for {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		switch t := token.(type) {
		case xml.StartElement:
			field = t.Name.Local
		case xml.EndElement:
			field = ""
		case xml.CharData:
			if secretFields[strings.ToLower(field)] {
				secrets.Add(string(t))
			}
		}
	}
}
