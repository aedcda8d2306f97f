package sts

import (
	"encoding/xml"
	"errors"
	"net/http"

	"github.com/google/uuid"

	"waybill.example/waybill/sandbox/aws/fault"
)

// The protocol of STS: forms in, XML out
// (https://docs.aws.amazon.com/STS/latest/APIReference/CommonParameters.html).
const (
	namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	version   = "2011-06-15"
)

type metadata struct {
	RequestID string `xml:"RequestId"`
}

type errorResponse struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// writeError answers with a refusal; any other error is STS's own failure.
func writeError(w http.ResponseWriter, err error) {
	var refused *fault.Error
	if !errors.As(err, &refused) {
		writeXML(w, http.StatusInternalServerError, errorResponse{
			Type: "Receiver", Code: "InternalFailure", Message: err.Error(), RequestID: uuid.NewString(),
		})
		return
	}
	writeXML(w, refused.Status, errorResponse{Type: "Sender", Code: refused.Code, Message: refused.Message, RequestID: uuid.NewString()})
}

// writeXML answers with what no client may keep: it can hold credentials.
func writeXML(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "text/xml")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that has gone away is nobody to tell.
	_ = xml.NewEncoder(w).Encode(content)
}
