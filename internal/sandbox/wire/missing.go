package wire

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"workshop/internal/sandbox/model"
)

// The protocols as the models call them.
const (
	restJSON = "rest-json"
	restXML  = "rest-xml"
)

// lack refuses a request for a service of AWS's that the sandbox does not have.
// The service is nil where AWS has none either; name is then what the client calls it.
func (s *Server) lack(c *call, service *model.Entry, name string) error {
	if service == nil {
		service = &model.Entry{FullName: name}
	}
	c.lacks = service
	code := "UnknownOperationException"
	switch {
	case service.S3():
		code = "NotImplemented"
	case service.Protocol == "query" || service.Protocol == "ec2" || service.Protocol == restXML:
		code = "InvalidAction"
	}
	return Errorf(code, "The sandbox has no %s. It has %s.", service.Name(), offers(s.byName))
}

// lackVersion refuses a request for another version of a service than the sandbox has.
func (c *call) lackVersion(service *model.Entry) error {
	c.lacks = service
	what := service.Name() + " of version " + service.Version
	if service.Version == "2012-06-01" {
		what += " (Classic Load Balancers)"
	}
	return Errorf("InvalidAction", "The sandbox has no %s, only of version %s.", what, c.svc.Version)
}

// offers lists services by the names that people have for them.
func offers(services map[string]*Service) string {
	var names []string
	for name, svc := range services {
		if e := model.Find(svc.Target, name, svc.Version); e != nil {
			name = e.Name()
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if n := len(names) - 1; n > 0 {
		return strings.Join(names[:n], ", ") + " and " + names[n]
	}
	return strings.Join(names, "")
}

// lookUp finds the service of AWS's that a request is for, without regard to what the
// sandbox has; nil if there is none.
func lookUp(r *http.Request, signing string) *model.Entry {
	target, _, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	return model.Find(target, signing, "")
}

// formed is a query request's form.
func formed(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, Errorf("MalformedQueryString", "The request's body is not a form: %v", err)
	}
	for k, v := range r.URL.Query() {
		if _, ok := form[k]; !ok {
			form[k] = v
		}
	}
	return form, nil
}

// failMissing writes an error in the form that clients of c.lacks read.
func (c *call) failMissing(w http.ResponseWriter, e *Error) {
	switch c.lacks.Protocol {
	case "query", "ec2", restXML:
		if c.lacks.Protocol == "ec2" && authCodes[e.Code] != "" {
			e = &Error{"AuthFailure", e.Message, http.StatusUnauthorized}
		}
		form := queryError
		if c.lacks.S3() {
			form = s3Error
		} else if c.lacks.Protocol == "ec2" {
			form = ec2Error
		}
		c.failXML(w, form, e, "Sender", "")
		return
	}
	kind := "application/json"
	if c.lacks.Protocol != restJSON {
		kind = "application/x-amz-json-" + cmp.Or(c.lacks.JSONVersion, "1.1")
	}
	c.failJSON(w, kind, cmp.Or(authCodes[e.Code], e.Code), e)
}
