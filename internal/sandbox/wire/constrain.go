package wire

import (
	"cmp"
	"net/http"

	"workshop/internal/sandbox/wire/constraint"
)

// constrain refuses input that does not satisfy the service's model, in AWS's words.
func (c *call) constrain() error {
	m := constraint.Of(c.svc.Name)
	if m == nil {
		return nil
	}
	found := m.Check(c.op, c.tree, c.svc.Protocol != EC2 && !c.svc.Own)
	if c.svc.Protocol == EC2 { // of which only the enumerations have the same words everywhere
		for _, v := range found {
			if v.Enum != nil {
				return Errorf("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", v.Value, v.Path)
			}
		}
		return nil
	}
	switch {
	case len(found) == 0:
		return nil
	case c.svc.Protocol == Query:
		return &Error{cmp.Or(c.svc.Invalid, "ValidationError"), constraint.Text(found), http.StatusBadRequest}
	}
	return &Error{cmp.Or(c.svc.Invalid, "ValidationException"), constraint.Text(found), http.StatusBadRequest}
}
