package wire

import (
	"net/http"
	"strings"
)

// Regions is one endpoint for all Regions of an account: a request is for the
// Region that it is signed for. It is safe for concurrent use.
type Regions struct {
	// Home is the Region of the account's user. It also answers for the services
	// without Regions, and refuses what no Region can answer.
	Home *Server
	// Open returns the server of another Region, and nil where the account has no
	// Region of that name. It is called for each request, before its signature is
	// verified, which is the server's to do.
	Open func(region string) (*Server, error)
}

func (g *Regions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := g.Home
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	credential, _, _ = strings.Cut(credential, ",")
	if part := strings.Split(credential, "/"); len(part) == 5 && part[2] != g.Home.Region {
		if svc := g.Home.byName[part[3]]; svc == nil || !svc.Global {
			other, err := g.Open(part[2])
			if err != nil {
				g.Home.Log.Error("sandbox: opening a Region", "region", part[2], "error", err)
				http.Error(w, "the sandbox cannot open the Region: "+err.Error(), http.StatusInternalServerError)
				return
			}
			if other != nil {
				at = other
			}
		}
	}
	at.ServeHTTP(w, r)
}
