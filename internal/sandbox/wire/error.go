package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/aws/smithy-go"

	"workshop/internal/sandbox/disk"
)

// Error is a refusal in AWS's terms: the code that clients branch on and the
// sentence that people read. It satisfies the SDK's smithy.APIError, as the
// SDK's own error types do; handlers may return either.
type Error struct {
	Code    string
	Message string
	Status  int // HTTP; 0 stands for 400
}

// Errorf returns a client's error (HTTP 400).
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error is the code with the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// ErrorCode is part of smithy.APIError.
func (e *Error) ErrorCode() string { return e.Code }

// ErrorMessage is part of smithy.APIError.
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault is part of smithy.APIError; the fault is always the client's.
func (e *Error) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

// refusal brings any handler's error to the wire's terms. What is no API error
// is a fault of the sandbox.
func refusal(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		e := *own
		if e.Status == 0 {
			e.Status = http.StatusBadRequest
		}
		return &e
	}
	var bad *malformed
	if errors.As(err, &bad) {
		return &Error{"SerializationException", bad.Error(), http.StatusBadRequest}
	}
	var full *disk.Error
	if errors.As(err, &full) {
		// Unlike 500 and 503, clients do not repeat a request that was answered
		// with 507: Terraform's provider would do so for minutes, without a word.
		return &Error{"InsufficientStorage", full.Error(), http.StatusInsufficientStorage}
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		status := http.StatusBadRequest
		if api.ErrorFault() == smithy.FaultServer {
			status = http.StatusInternalServerError
		}
		return &Error{api.ErrorCode(), api.ErrorMessage(), status}
	}
	return &Error{"InternalFailure", err.Error(), http.StatusInternalServerError}
}

// The forms of errors in XML.
type xmlError int

const (
	queryError xmlError = iota // and REST XML
	ec2Error
	s3Error
)

func (c *call) failXML(w http.ResponseWriter, form xmlError, e *Error, kind, namespace string) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(e.Status)
	var b bytes.Buffer
	text := func(name, s string) { xmlStyle{}.element(&b, name, reflect.ValueOf(s)) }
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	head, tail, id := "<ErrorResponse"+namespace+"><Error>", "</ErrorResponse>", "RequestId"
	switch form {
	case ec2Error:
		head, tail, id = "<Response><Errors><Error>", "</Response>", "RequestID"
	case s3Error:
		head, tail = "<Error>", "</Error>"
	}
	b.WriteString(head)
	if form == queryError {
		text("Type", kind)
	}
	text("Code", e.Code)
	text("Message", e.Message)
	switch form {
	case ec2Error:
		b.WriteString("</Error></Errors>")
	case queryError:
		b.WriteString("</Error>")
	}
	text(id, c.id)
	b.WriteString(tail)
	w.Write(b.Bytes())
}

func (c *call) failJSON(w http.ResponseWriter, kind, code string, e *Error) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(e.Status)
	json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": e.Message})
}
