package iam

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"workshop/internal/sandbox/sandboxtest"
)

// FuzzTrustPolicy holds that a document which was taken is one, and that a role
// with it can be read.
func FuzzTrustPolicy(f *testing.F) {
	for _, doc := range []string{
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
		`{"Statement":{}}`, `{"Statement":null}`, `[]`, "null", "{\"statement\":\"\x00\"}", "%", "",
	} {
		f.Add(doc)
	}
	a := sandboxtest.Account(f)
	i, err := New(a)
	if err != nil {
		f.Fatal(err)
	}
	ask := sandboxtest.NewAsker(a, i.Service())
	f.Fuzz(func(t *testing.T, doc string) {
		status, _ := ask.Ask(t, "CreateRole", []byte("RoleName=r&AssumeRolePolicyDocument="+url.QueryEscape(doc)))
		if status != http.StatusOK {
			return
		}
		var d map[string]any
		if json.Unmarshal([]byte(strings.ToValidUTF8(doc, "\ufffd")), &d) != nil {
			t.Errorf("taken: %q", doc)
		}
		ask.Ask(t, "GetRole", []byte("RoleName=r"))
		ask.Ask(t, "UpdateAssumeRolePolicy", []byte("RoleName=r&PolicyDocument="+url.QueryEscape(doc)))
		ask.Ask(t, "DeleteRole", []byte("RoleName=r"))
	})
}
