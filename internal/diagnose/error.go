package diagnose

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/smithy-go"

	"workshop/internal/clean"
)

// What an error of an AWS call comes down to, for callers that branch: test
// with errors.Is what Explain returned.
var (
	ErrNoCredentials = errors.New("no AWS credentials")
	ErrExpired       = errors.New("the AWS session has expired")
	ErrDenied        = errors.New("not permitted by AWS")
	ErrUnreachable   = errors.New("AWS does not answer")
	ErrThrottled     = errors.New("AWS asks for fewer requests")
)

// kinds are the diagnoses that callers branch on.
var kinds = map[string]error{
	"no-credentials":      ErrNoCredentials,
	"expired":             ErrExpired,
	"invalid-credentials": ErrNoCredentials,
	"signature":           ErrNoCredentials,
	"denied":              ErrDenied,
	"unreachable":         ErrUnreachable,
	"no-such-host":        ErrUnreachable,
	"sandbox-unreachable": ErrUnreachable,
	"slowed-down":         ErrThrottled,
}

// Error is an AWS call's error with what it means and what to do.
type Error struct {
	Doing  string // what was being done: "list the tasks"
	Answer Answer // zero where the catalogue has none
	Kind   error  // one of the Err values; nil for none of them
	Err    error  // as the SDK gave it
}

// Error is one line: what failed, AWS's words, and what to do.
func (e *Error) Error() string {
	s := "could not " + e.Doing + ": " + causeText(e.Err)
	if e.Answer.Do != "" {
		s += ". " + e.Answer.What + " " + e.Answer.Do
	}
	return s
}

// Unwrap gives errors.Is and errors.As the kind and the SDK's error.
func (e *Error) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err}
	}
	return []error{e.Kind, e.Err}
}

// Explain wraps the error of an AWS call. Doing completes "could not …". It
// returns nil for nil, an *Error otherwise; a cancelled context and an error
// that was explained before come back unchanged.
func Explain(doing string, err error) error {
	var done *Error
	if err == nil || errors.Is(err, context.Canceled) || errors.As(err, &done) {
		return err
	}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "i/o timeout: " + text
	}
	answer, _ := Text(text)
	return &Error{Doing: doing, Answer: answer, Kind: kinds[answer.ID], Err: err}
}

// causeText are the part of an SDK error that a person wants to read.
func causeText(err error) string {
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		return clean.Line(fmt.Sprintf("%s (%s)", api.ErrorMessage(), api.ErrorCode()))
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	var op *smithy.OperationError
	if errors.As(err, &op) {
		err = op.Err
	}
	return clean.Line(err.Error())
}
