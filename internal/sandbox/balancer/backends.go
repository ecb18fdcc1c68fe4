package balancer

import "sync"

// Backends maps the modelled address of a target, which exists in a VPC of the
// sandbox only, to the loopback address at which its process really listens.
// The zero value is empty and ready; all methods are safe for concurrent use
// and need no other lock.
type Backends struct{ real sync.Map } // backend -> string

type backend struct {
	vpc, ip string
	port    int
}

// Set says that addr ("127.0.0.1:41234") answers for ip:port of that VPC.
func (b *Backends) Set(vpcID, ip string, port int, addr string) {
	b.real.Store(backend{vpcID, ip, port}, addr)
}

// Delete forgets ip:port of that VPC: from then on it refuses connections.
func (b *Backends) Delete(vpcID, ip string, port int) {
	b.real.Delete(backend{vpcID, ip, port})
}

// Lookup returns the address that answers for ip:port of that VPC.
func (b *Backends) Lookup(vpcID, ip string, port int) (addr string, ok bool) {
	v, ok := b.real.Load(backend{vpcID, ip, port})
	if !ok {
		return "", false
	}
	return v.(string), true
}
